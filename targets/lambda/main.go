// Command bootstrap serves the podinfo API as a function on AWS Lambda, behind API Gateway (REST and HTTP APIs), a
// function URL or an Application Load Balancer. Lambda's OS-only runtimes (provided.al2023) start the program of this
// name and hand it one event after the other, see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html.
package main

import (
	"io"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/podinfo-targets/podinfo/shared/config"
	"github.com/podinfo-targets/podinfo/shared/env"
	"github.com/podinfo-targets/podinfo/shared/telemetry"
	"github.com/podinfo-targets/podinfo/shared/telemetry/otlphttp"
	"github.com/podinfo-targets/podinfo/targets/internal/app"
	"github.com/podinfo-targets/podinfo/targets/lambda/adapter"
	"github.com/podinfo-targets/podinfo/targets/lambda/emf"
)

func main() { os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr)) }

// run is the whole program, from the command line, which is empty on Lambda, to the exit code. It returns when the
// function cannot be started; otherwise Lambda ends the process.
func run(args, environ []string, stdout, stderr io.Writer) int {
	getenv := env.Lookup(environ)
	stdout, stderr = inTurn(stdout, stderr)
	cfg, err := config.Load(args, environ, target(getenv))
	if err == nil {
		err = checkRuntime(getenv)
	}
	if err != nil {
		return fail(stdout, stderr, getenv(runtimeAPI), err)
	}
	metrics := recorder{emf.NewWriter(stdout, "podinfo")}
	a, err := app.New(cfg, app.Options{
		Environ: environ, Stderr: stderr, Exit: os.Exit, Exporters: exporters, Withheld: withheld(), Layout: layout(),
		Attributes: attributes(getenv), Platform: platform(getenv), Observe: metrics.observe,
	})
	if err != nil {
		return fail(stdout, stderr, getenv(runtimeAPI), err)
	}
	logInvocations(a.Log)
	traces := newTracing(a.Providers)
	events := adapter.New(a.API, adapter.Options{
		BasePath: cfg.LambdaBasePath, Prefix: cfg.Prefix, Streaming: cfg.LambdaInvokeMode == config.LambdaResponseStream,
		Begin: traces.begin, End: traces.flush, Log: a.Log,
	})
	f := newFunction(a, events, getenv)
	lambda.StartWithOptions(entry(cfg, f), lambda.WithEnableSIGTERM(f.terminate))
	return 0
}

// entry is what Lambda's library calls: the cheaper way in, unless answers stream.
func entry(cfg *config.Config, f *function) any {
	if cfg.LambdaInvokeMode == config.LambdaResponseStream {
		return f.invoke
	}
	return adapter.Buffered(f.invoke)
}

// exporters sends telemetry over OTLP by HTTP, as the standard OTEL_* variables say. gRPC would be half the program.
func exporters() (telemetry.Exporters, error) { return otlphttp.Exporters(os.Getenv) }
