package cloudfunctions

import (
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/podinfo-targets/podinfo/shared/config"
	"github.com/podinfo-targets/podinfo/shared/env"
	"github.com/podinfo-targets/podinfo/shared/info"
)

// Target is what the platform changes about the settings. There is no command line: they come from PODINFO_* variables.
// The listeners are the framework's, and so are their timeouts, of which it has none: the function's own timeout, set
// when it is deployed, bounds every request. /tmp is the one place that may be written to; it is held in memory.
var Target = config.Target{
	Name:     "podinfo-function",
	Defaults: map[string]string{"data-path": "/tmp", "http-server-timeout": "0s"},
	Withheld: []string{
		"cert-path", "grpc-port", "grpc-service-name", "h2c", "host", "http-server-timeout", "port", "port-metrics",
		"secure-port", "server-shutdown-timeout", "shutdown-delay",
	},
}

// platform is what the container is told about itself, see
// https://cloud.google.com/run/docs/container-contract#services-env-vars. What is not set is empty.
type platform struct {
	service, revision, configuration string
	// project is told to old runtimes only. It is for whoever deploys to set, since the metadata server, which knows
	// it, is a request away that a cold start can do without.
	project string
}

func platformOf(environ []string) platform {
	getenv := env.Lookup(environ)
	return platform{
		service: getenv("K_SERVICE"), revision: getenv("K_REVISION"), configuration: getenv("K_CONFIGURATION"),
		project: getenv("GOOGLE_CLOUD_PROJECT"),
	}
}

// attributes names this instance as https://opentelemetry.io/docs/specs/semconv/resource/faas/ and
// https://opentelemetry.io/docs/specs/semconv/resource/cloud/ want it.
func (p platform) attributes() []attribute.KeyValue {
	attributes := []attribute.KeyValue{semconv.CloudProviderGCP, semconv.CloudPlatformGCPCloudFunctions}
	if p.service != "" {
		attributes = append(attributes, semconv.FaaSName(p.service))
	}
	if p.revision != "" {
		attributes = append(attributes, semconv.FaaSVersion(p.revision))
	}
	if p.project != "" {
		attributes = append(attributes, semconv.CloudAccountID(p.project))
	}
	return attributes
}

// fields tells the same to the readers of /api/info.
func (p platform) fields() []info.Field {
	return []info.Field{
		{Name: "k_service", Value: p.service},
		{Name: "k_revision", Value: p.revision},
		{Name: "k_configuration", Value: p.configuration},
	}
}
