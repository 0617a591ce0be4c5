package main

import "path/filepath"

// ours is a binary of podinfo.
func (b *bencher) ours(name string) string { return filepath.Join(b.bin, name) }

// yardstick is a program that was built beside which ours are measured.
func (b *bencher) yardstick(name string) string { return filepath.Join(b.dir, name) }

// podinfoServer is podinfo as it is deployed: level info, metrics on.
func (b *bencher) podinfoServer(extra ...string) func(port, metrics string) command {
	return func(port, metrics string) command {
		return command{argv: append([]string{
			b.ours("podinfo"), "--host=127.0.0.1", "--port=" + port, "--port-metrics=" + metrics, "--data-path=" + b.dir,
		}, extra...)}
	}
}

// knativeServer is podinfo as a revision of Knative, which gives it these variables
// (https://github.com/knative/specs/blob/main/specs/serving/runtime-contract.md#process).
func (b *bencher) knativeServer(port, metrics string) command {
	return command{
		argv: []string{
			b.ours("podinfo-knative"), "--host=127.0.0.1", "--port-metrics=" + metrics, "--data-path=" + b.dir,
		},
		env: []string{
			"PORT=" + port, "K_SERVICE=podinfo", "K_CONFIGURATION=podinfo", "K_REVISION=podinfo-00001",
		},
	}
}

// bareServer replays podinfo's answers.
func (b *bencher) bareServer(port, _ string) command {
	return command{argv: []string{b.yardstick("bare"), "127.0.0.1:" + port, b.answers}}
}

// helloServer is a hello-world that listens on a port: http, or grpc for both.
func (b *bencher) helloServer(name string) func(port, metrics string) command {
	return func(port, _ string) command {
		return command{argv: []string{b.yardstick(name)}, env: []string{"PORT=" + port}}
	}
}

// cloudFunction is a function under the functions framework, which finds these variables in its container
// (https://cloud.google.com/run/docs/container-contract#services-env-vars).
func (b *bencher) cloudFunction(binary, target string) func(port, metrics string) command {
	return func(port, _ string) command {
		return command{argv: []string{binary}, env: []string{
			"PORT=" + port, "LOCAL_ONLY=true", "FUNCTION_TARGET=" + target, "FUNCTION_SIGNATURE_TYPE=http",
			"CLOUD_RUN_TIMEOUT_SECONDS=60", "K_SERVICE=podinfo", "K_CONFIGURATION=podinfo", "K_REVISION=podinfo-00001-abc",
			"PODINFO_DATA_PATH=" + b.dir,
		}}
	}
}

// lambdaFunction is a function on Lambda with the variables that it finds there
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime).
func (b *bencher) lambdaFunction(argv ...string) command {
	return command{argv: argv, env: []string{
		"_HANDLER=bootstrap", "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_LAMBDA_FUNCTION_NAME=podinfo",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand", "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/podinfo",
		"AWS_LAMBDA_LOG_STREAM_NAME=2026/01/01/[$LATEST]0123456789abcdef", "LAMBDA_TASK_ROOT=" + b.dir, "TZ=:UTC",
		"PODINFO_DATA_PATH=" + b.dir,
	}}
}
