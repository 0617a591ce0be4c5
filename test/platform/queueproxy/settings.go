package queueproxy

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
)

// The ports of a pod (https://github.com/knative/serving/blob/main/pkg/networking/constants.go).
const (
	http1Port        = "8012" // where queue-proxy takes requests, when the revision's port is called http1
	h2cPort          = "8013" // the same, when it is called h2c
	proxyMetricsPort = "9091"
	userPort         = "8080" // the app's
	appMetricsPort   = "9797" // the app's second, by default
)

func (o Options) frontPort() string {
	if o.H2C {
		return h2cPort
	}
	return http1Port
}

// metricsPort is the app's second port, "0" if it has none.
func metricsPort(settings []string) string {
	port := appMetricsPort
	for _, s := range settings {
		if value, found := strings.CutPrefix(s, "--port-metrics="); found {
			port = value
		}
	}
	return port
}

// appSettings splits the settings into the arguments and the environment of the app. Of what is there twice the last
// counts.
func appSettings(data string, settings []string) (args, environ []string) {
	args = []string{"--data-path=" + data}
	environ = []string{
		"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "PODINFO_SHUTDOWN_DELAY=0s",
		// https://github.com/knative/specs/blob/main/specs/serving/runtime-contract.md#process
		"PORT=" + userPort, "K_SERVICE=podinfo", "K_CONFIGURATION=podinfo", "K_REVISION=podinfo-00001",
	}
	for _, name := range []string{"GOCOVERDIR", "GORACE"} {
		if value, ok := os.LookupEnv(name); ok {
			environ = append(environ, name+"="+value)
		}
	}
	for _, s := range settings {
		if strings.HasPrefix(s, "-") {
			args = append(args, s)
			continue
		}
		environ = append(environ, s)
	}
	return args, environ
}

// proxyEnvironment is what Knative's controller tells queue-proxy
// (https://github.com/knative/serving/blob/main/pkg/reconciler/revision/resources/queue.go).
func proxyEnvironment(o Options) []string {
	timeout := o.TimeoutSeconds
	if timeout == 0 {
		timeout = 300
	}
	probe, _ := json.Marshal(map[string]any{ // Marshaling texts and numbers cannot fail.
		"tcpSocket": map[string]any{"host": "127.0.0.1", "port": userPort}, "successThreshold": 1,
	})
	return []string{
		"CONTAINER_CONCURRENCY=" + strconv.Itoa(o.Concurrency),
		"QUEUE_SERVING_PORT=" + o.frontPort(),
		"QUEUE_SERVING_TLS_PORT=8112",
		"USER_PORT=" + userPort,
		"REVISION_TIMEOUT_SECONDS=" + strconv.Itoa(timeout),
		"SERVING_READINESS_PROBE=" + string(probe),
		"SERVING_LOGGING_CONFIG=",
		"SERVING_LOGGING_LEVEL=info",
		"SERVING_NAMESPACE=default",
		"SERVING_SERVICE=podinfo",
		"SERVING_CONFIGURATION=podinfo",
		"SERVING_REVISION=podinfo-00001",
		"SERVING_POD=podinfo-00001-deployment-0",
		"SERVING_POD_IP=127.0.0.1",
		`OBSERVABILITY_CONFIG={"requestMetrics":{"protocol":"prometheus"}}`,
	}
}
