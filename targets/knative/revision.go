package main

import (
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/podinfo-targets/podinfo/shared/env"
	"github.com/podinfo-targets/podinfo/shared/info"
)

// revision is what the platform calls this instance
// (https://github.com/knative/specs/blob/main/specs/serving/runtime-contract.md#process, and for Cloud Run
// https://cloud.google.com/run/docs/container-contract#services-env-vars). What the platform does not name is "".
type revision struct{ service, name, configuration string }

func newRevision(environ []string) revision {
	getenv := env.Lookup(environ)
	return revision{
		service: getenv("K_SERVICE"), name: getenv("K_REVISION"), configuration: getenv("K_CONFIGURATION"),
	}
}

// fields are for the readers of /api/info.
func (r revision) fields() []info.Field {
	var fields []info.Field
	for _, f := range []info.Field{
		{Name: "k_service", Value: r.service}, {Name: "k_revision", Value: r.name},
		{Name: "k_configuration", Value: r.configuration},
	} {
		if f.Value != "" {
			fields = append(fields, f)
		}
	}
	return fields
}

// attributes tell the same in telemetry, by the names that Knative's own components use
// (https://knative.dev/docs/serving/observability/metrics/serving-metrics/), and by those that OpenTelemetry has for
// functions and Cloud Run (https://opentelemetry.io/docs/specs/semconv/resource/faas/).
func (r revision) attributes() []attribute.KeyValue {
	var attributes []attribute.KeyValue
	for _, a := range []attribute.KeyValue{
		attribute.String("kn.service.name", r.service), attribute.String("kn.revision.name", r.name),
		attribute.String("kn.configuration.name", r.configuration),
		semconv.FaaSName(r.service), semconv.FaaSVersion(r.name),
	} {
		if a.Value.AsString() != "" {
			attributes = append(attributes, a)
		}
	}
	return attributes
}
