package parity

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/conformance"
	"github.com/podinfo-targets/podinfo/test/platform/lambda"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// functions are the six ways in which HTTP reaches the function.
func functions() []platform {
	about := map[lambda.Shape]string{
		lambda.RESTAPI:           "behind an API Gateway REST API with the stage prod",
		lambda.HTTPAPI:           "behind an API Gateway HTTP API",
		lambda.FunctionURL:       "behind a function URL that buffers",
		lambda.FunctionURLStream: "behind a function URL that streams",
		lambda.ALB:               "behind an Application Load Balancer",
		lambda.ALBMultiValue:     "behind an Application Load Balancer with multi-value headers",
	}
	var list []platform
	for _, shape := range lambda.Shapes() {
		list = append(list, platform{about: "`bin/bootstrap`, " + about[shape] + ".", target: function(shape)})
	}
	return list
}

// function is the binary behind one of the front doors. They are stand-ins that keep to the documents of AWS.
func function(shape lambda.Shape) conformance.Target {
	const instance = "there are as many as requests at a time, and a request reaches any of them"
	target := conformance.Target{
		Name:     "Lambda " + string(shape),
		Settings: []string{"--cache-server=memory://"},
		InfoKeys: []string{"aws_lambda_function_name", "aws_lambda_function_version", "aws_region"},
		Lacks:    lacks(shape),
		Withholds: map[conformance.Capability]string{
			conformance.GRPC: "a function is given whole requests, without HTTP/2's streams and trailers",
			conformance.Plugins: "plugins are programs that run beside the function, and what is not answering a request is " +
				"frozen there",
			conformance.WebSocket: "a function is given one request at a time and never sees the connection",
		},
		Limits: map[conformance.Capability]string{
			conformance.Metrics:  "each execution environment shows its own; " + instance,
			conformance.Storage:  "each execution environment stores its own; " + instance,
			conformance.Switches: "each execution environment has its own; " + instance,
		},
	}
	for capability := range target.Withholds { // what the function itself says counts
		delete(target.Lacks, capability)
	}
	target.Start = func(t testing.TB, settings []string) (conformance.Target, error) {
		if err := withhold(settings, withheldByLambda()); err != nil {
			return conformance.Target{}, err
		}
		return start(t, shape, target, settings), nil
	}
	return target
}

// start starts a function of its own.
func start(t testing.TB, shape lambda.Shape, kind conformance.Target, settings []string) conformance.Target {
	t.Helper()
	env := append([]string{"PODINFO_DATA_PATH=" + t.TempDir()}, variables(settings)...)
	env = slices.DeleteFunc(env, func(variable string) bool { // Lambda itself sets the credentials, and nobody else can
		return strings.HasPrefix(variable, "AWS_")
	})
	if shape == lambda.FunctionURLStream {
		env = append(env, "PODINFO_LAMBDA_INVOKE_MODE=response_stream")
	}
	f := lambda.Start(t, testkit.Build(t, "targets/lambda"), lambda.Options{
		Shape: shape, Env: env,
		InitTimeout: time.Minute, Grace: 10 * time.Second, // race-detecting binaries are slow
	})
	running := kind
	running.BaseURL, running.Terminate, running.Exit = f.URL(), f.Terminate, f.Exit
	if at, err := url.Parse(f.URL()); err == nil {
		running.Mount = at.Path
	}
	return running
}

// lacks is what the front doors take away, as the stand-ins know it, and what Lambda does.
func lacks(shape lambda.Shape) map[conformance.Capability]string {
	const invoked = "a function has no port; Lambda invokes it"
	reasons := shape.Limits()
	maps.Copy(reasons, map[conformance.Capability]string{
		conformance.Drain:      "Lambda stops an execution environment between two requests",
		conformance.Flags:      "a function has no command line",
		conformance.H2C:        invoked,
		conformance.MetricsWeb: invoked,
		conformance.TLS:        "TLS ends at the front door",
	})
	return reasons
}

// withheldByLambda are the settings that mean nothing there.
func withheldByLambda() map[string]string {
	const invoked = "a function has no port; Lambda invokes it"
	return map[string]string{
		"cert-path": "TLS ends at the front door", "h2c": invoked,
		"server-shutdown-timeout": "Lambda stops an execution environment between two requests",
		"shutdown-delay":          "Lambda stops an execution environment between two requests",
	}
}

// TestPrefixThatNamesTheStage shows what mends the paths that a stage breaks: redirects, documents and the page of a
// function whose prefix begins with the stage lead to where its clients find them.
func TestPrefixThatNamesTheStage(t *testing.T) {
	t.Parallel()
	target := function(lambda.RESTAPI)
	target.Settings = append(target.Settings, "--prefix=/prod")
	delete(target.Lacks, conformance.OwnPath)
	begin := target.Start
	target.Start = func(t testing.TB, settings []string) (conformance.Target, error) {
		running, err := begin(t, settings)
		running.Mount = "" // the function knows the whole path
		return running, err
	}
	conformance.Run(t, target, conformance.Only("index", "page", "swagger", "swagger.json", "version"),
		conformance.Enforce)
}
