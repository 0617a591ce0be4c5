package lambda

import (
	"os"
	"slices"
	"strconv"
	"strings"
)

// Where the stand-in pretends to be. The credentials are the ones that AWS uses as examples, with a session token that
// tests can look for: none of them may ever show in an answer or a log.
const (
	Region          = "us-east-1"
	AccountID       = "123456789012"
	AccessKeyID     = "AKIAIOSFODNN7EXAMPLE"
	SecretAccessKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	SessionToken    = "IQoJb3JpZ2luX2VjEXAMPLESESSIONTOKEN"

	functionVersion = "$LATEST"
	handlerName     = "bootstrap"
)

// arn returns the name under which the function is invoked.
func (o Options) arn() string {
	return "arn:aws:lambda:" + Region + ":" + AccountID + ":function:" + o.Name
}

// reserved are the variables that cannot be set in a function's configuration. AWS_REGION, TZ and the like are set by
// Lambda but not reserved, or cannot be told apart; only what Lambda refuses is here.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
var reserved = []string{
	"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
	"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
	"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY",
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT",
	"LAMBDA_RUNTIME_DIR",
}

// runtimeOnly are the variables that external extensions do not get.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
var runtimeOnly = []string{
	"AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_XRAY_CONTEXT_MISSING",
	"AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "_HANDLER",
}

// forExtensions returns the environment of external extensions.
func forExtensions(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return slices.Contains(runtimeOnly, name)
	})
}

// environment returns all variables of the function's process, whose Runtime API listens on api (host:port).
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
//
// Some differ from Lambda because the machine does: there, the X-Ray daemon has a link-local address, LAMBDA_TASK_ROOT
// is /var/task, and LD_LIBRARY_PATH and LAMBDA_RUNTIME_DIR name directories that are absent here. AWS_EXECUTION_ENV is
// not set for OS-only runtimes.
func (o Options) environment(api, taskRoot, logStream string) []string {
	env := []string{
		"_HANDLER=" + handlerName,
		"AWS_ACCESS_KEY_ID=" + AccessKeyID,
		"AWS_DEFAULT_REGION=" + Region,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(o.MemoryMB),
		"AWS_LAMBDA_FUNCTION_NAME=" + o.Name,
		"AWS_LAMBDA_FUNCTION_VERSION=" + functionVersion,
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + o.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME=" + logStream,
		"AWS_LAMBDA_RUNTIME_API=" + api,
		"AWS_REGION=" + Region,
		"AWS_SECRET_ACCESS_KEY=" + SecretAccessKey,
		"AWS_SESSION_TOKEN=" + SessionToken,
		"AWS_XRAY_CONTEXT_MISSING=LOG_ERROR",
		"AWS_XRAY_DAEMON_ADDRESS=127.0.0.1:2000",
		"LAMBDA_TASK_ROOT=" + taskRoot,
		"LANG=en_US.UTF-8",
		"PATH=/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"TZ=:UTC",
	}
	for _, name := range []string{"GOCOVERDIR", "GORACE"} { // how the tests measure, if they do
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return append(env, o.Env...)
}
