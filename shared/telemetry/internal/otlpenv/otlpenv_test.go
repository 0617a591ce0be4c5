package otlpenv_test

import (
	"testing"

	"github.com/podinfo-targets/podinfo/shared/telemetry/internal/otlpenv"
)

// env returns a getenv that knows the given variables only.
func env(variables map[string]string) func(string) string {
	return func(name string) string { return variables[name] }
}

func TestRead(t *testing.T) {
	t.Parallel()
	grpc := otlpenv.Signal{Protocol: otlpenv.GRPC}
	http := otlpenv.Signal{Protocol: otlpenv.HTTPProtobuf}
	local := otlpenv.Signal{Protocol: otlpenv.GRPC, Plaintext: true}
	off := otlpenv.Signal{Off: true}
	for _, c := range []struct {
		name string
		env  map[string]string
		want otlpenv.Signals
	}{
		{"nothing set", nil, otlpenv.Signals{Traces: local, Metrics: local, Logs: local}},
		{"one protocol for all", map[string]string{
			"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
		}, otlpenv.Signals{Traces: http, Metrics: http, Logs: http}},
		{"a signal's own protocol wins", map[string]string{
			"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector",
			"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "grpc",
		}, otlpenv.Signals{Traces: http, Metrics: http, Logs: grpc}},
		{"signals switched off", map[string]string{
			"OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none",
		}, otlpenv.Signals{Traces: local, Metrics: off, Logs: off}},
		{"TLS stays when the environment speaks of it", map[string]string{
			"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "collector:4317", "OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE": "/ca.pem",
			"OTEL_EXPORTER_OTLP_LOGS_INSECURE": "false",
		}, otlpenv.Signals{Traces: grpc, Metrics: grpc, Logs: grpc}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := otlpenv.Read(env(c.env), otlpenv.GRPC, otlpenv.HTTPProtobuf)
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("Read returns %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		variable, value, message string
	}{
		{"OTEL_TRACES_EXPORTER", "zipkin", `OTEL_TRACES_EXPORTER="zipkin": unknown exporter; use otlp or none`},
		{"OTEL_METRICS_EXPORTER", "prometheus", `OTEL_METRICS_EXPORTER="prometheus": unknown exporter; use otlp or none`},
		{"OTEL_LOGS_EXPORTER", "console", `OTEL_LOGS_EXPORTER="console": unknown exporter; use otlp or none`},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc",
			`OTEL_EXPORTER_OTLP_PROTOCOL="grpc": this program cannot send that; use http/protobuf`},
		{"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/json",
			`OTEL_EXPORTER_OTLP_LOGS_PROTOCOL="http/json": this program cannot send that; use http/protobuf`},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318",
			`OTEL_EXPORTER_OTLP_ENDPOINT="collector:4318": missing http:// or https:// and host; ` +
				`use a URL such as http://localhost:4318`},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://user:secret@collector",
			`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: missing http:// or https:// and host; ` +
				`use a URL such as http://localhost:4318`},
		{"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "user:secret@collector:4318",
			`OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: missing http:// or https:// and host; ` +
				`use a URL such as http://localhost:4318`},
		{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://user:secret@:x",
			`OTEL_EXPORTER_OTLP_METRICS_ENDPOINT is not a URL; use one such as http://localhost:4318`},
	} {
		t.Run(c.variable+"="+c.value, func(t *testing.T) {
			t.Parallel()
			_, err := otlpenv.Read(env(map[string]string{c.variable: c.value}), otlpenv.HTTPProtobuf)
			if err == nil || err.Error() != c.message {
				t.Errorf("Read returns the error %v, want %s", err, c.message)
			}
		})
	}
}
