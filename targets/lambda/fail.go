package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/podinfo-targets/podinfo/shared/config"
)

// runtimeAPI is the variable with the address of Lambda's Runtime API.
const runtimeAPI = "AWS_LAMBDA_RUNTIME_API"

// checkRuntime says what is wrong when the program was started anywhere else but on Lambda.
func checkRuntime(getenv func(string) string) error {
	if getenv(runtimeAPI) == "" {
		return errors.New(runtimeAPI + " is not set: bootstrap is a function on AWS Lambda; " +
			"run podinfo for a server of its own")
	}
	return nil
}

// fail says why the function cannot be started: to the log in one line, whatever its level, and to Lambda, so that who
// invokes it reads the same. Without the latter Lambda would tell them "Runtime exited with error: exit status 2". It
// returns the exit code. api is the address of the Runtime API, or nothing where there is none.
func fail(stdout, stderr io.Writer, api string, err error) int {
	code := config.Report(stdout, stderr, err)
	if code != 0 && api != "" {
		reportInitError(api, err)
	}
	return code
}

// reportInitError makes the error the answer to the invocation that this process was started for. aws-lambda-go does
// not do it. Whether it worked makes no difference to a process that ends. See
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror.
func reportInitError(address string, cause error) {
	const kind = "Podinfo.InvalidConfiguration" // in the form Category.Reason
	body, err := json.Marshal(map[string]string{"errorMessage": cause.Error(), "errorType": kind})
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	url := "http://" + address + "/2018-06-01/runtime/init/error"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Lambda-Runtime-Function-Error-Type", kind)
	transport := new(http.Transport) // without a proxy: the address is one of this host
	defer transport.CloseIdleConnections()
	if response, err := transport.RoundTrip(request); err == nil {
		_ = response.Body.Close()
	}
}
