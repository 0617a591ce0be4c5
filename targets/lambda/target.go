package main

import (
	"github.com/podinfo-targets/podinfo/handlers"
	"github.com/podinfo-targets/podinfo/shared/config"
)

// target says what Lambda changes about the settings. Nothing can be passed to the function but variables.
func target(getenv func(string) string) config.Target {
	t := config.Target{
		Name:   "bootstrap",
		Offers: []string{"lambda-base-path", "lambda-invoke-mode"},
		Defaults: map[string]string{
			// The one directory that can be written to, 512 MB if the function does not ask for more:
			// https://docs.aws.amazon.com/lambda/latest/dg/configuration-ephemeral-storage.html.
			"data-path":      "/tmp",
			"store-max-size": "268435456",
			// API Gateway waits 29 seconds for a function, so that /chunked, which chooses a time below this one when it
			// is given none, must not choose more:
			// https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html.
			"http-server-timeout": "20s",
		},
		// The function listens nowhere, and Lambda itself sees to it that it stops idle.
		Withheld: []string{
			"cert-path", "grpc-port", "grpc-service-name", "h2c", "host", "port", "port-metrics", "secure-port",
			"server-shutdown-timeout", "shutdown-delay",
		},
	}
	// The application log level of the function's logging configuration, of which Lambda tells in a variable:
	// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html.
	if level := getenv("AWS_LAMBDA_LOG_LEVEL"); level != "" {
		t.Defaults["level"] = logLevel(level)
	}
	return t
}

// withheld says what a function cannot do, to those who ask for it. Answers that stream are no matter of this list:
// where the invoke mode is buffered they come whole, at their end.
func withheld() map[handlers.Capability]string {
	return map[handlers.Capability]string{
		handlers.Websocket: "websockets are not possible on AWS Lambda: the function is given one request at a time " +
			"and never sees the connection",
		handlers.GRPC: "gRPC is not possible on AWS Lambda: the function is given whole requests without their HTTP/2 " +
			"streams and trailers",
		handlers.Plugins: "plugins are not possible on AWS Lambda: they are programs that run beside this one, and what " +
			"is not answering a request is frozen there",
	}
}
