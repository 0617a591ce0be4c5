package main

import (
	"encoding/json"
	"slices"
	"syscall"
	"testing"

	"go.opentelemetry.io/otel/attribute"

	"github.com/podinfo-targets/podinfo/shared/info"
	"github.com/podinfo-targets/podinfo/targets/internal/targettest"
	"github.com/podinfo-targets/podinfo/test/otlpreceiver"
)

func TestRevision(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		environ    []string
		fields     []info.Field
		attributes []attribute.KeyValue
	}{
		{name: "nothing", environ: []string{"PATH=/bin", "K_REVISIONS=x", "K_SERVICE="}},
		{
			name:    "all",
			environ: []string{"K_SERVICE=shop", "K_REVISION=shop-00003", "K_CONFIGURATION=shop", "K_SERVICE=second"},
			fields: []info.Field{
				{Name: "k_service", Value: "shop"}, {Name: "k_revision", Value: "shop-00003"},
				{Name: "k_configuration", Value: "shop"},
			},
			attributes: []attribute.KeyValue{
				attribute.String("kn.service.name", "shop"), attribute.String("kn.revision.name", "shop-00003"),
				attribute.String("kn.configuration.name", "shop"),
				attribute.String("faas.name", "shop"), attribute.String("faas.version", "shop-00003"),
			},
		},
		{
			name: "a revision alone", environ: []string{"K_REVISION=r"},
			fields: []info.Field{{Name: "k_revision", Value: "r"}},
			attributes: []attribute.KeyValue{
				attribute.String("kn.revision.name", "r"), attribute.String("faas.version", "r"),
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRevision(test.environ)
			if got := r.fields(); !slices.Equal(got, test.fields) {
				t.Errorf("fields %v, want %v", got, test.fields)
			}
			if got := r.attributes(); !slices.Equal(got, test.attributes) {
				t.Errorf("attributes %v, want %v", got, test.attributes)
			}
		})
	}
}

// TestTheRevisionIsTold looks where people and collectors look. Nothing is sent by the clock here: what the collector
// has was flushed in the moment of the signal, for the process goes on serving for a minute.
func TestTheRevisionIsTold(t *testing.T) {
	t.Parallel()
	for name, exporter := range map[string]func(*otlpreceiver.Receiver) []string{
		"grpc": func(r *otlpreceiver.Receiver) []string { return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + r.GRPC()} },
		"http": func(r *otlpreceiver.Receiver) []string {
			return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + r.HTTP(), "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			receiver := otlpreceiver.Start(t)
			p := startAlone(t, append(exporter(receiver), "--otel-service-name="+name, "--shutdown-delay=60s",
				"OTEL_BSP_SCHEDULE_DELAY=600000")...)
			answer := targettest.Ask(t, "GET", p.URL, "/api/info")
			var told map[string]string
			if err := json.Unmarshal([]byte(answer.Body), &told); err != nil {
				t.Fatal(err)
			}
			for key, want := range map[string]string{
				"k_service": "podinfo", "k_revision": "podinfo-00001", "k_configuration": "podinfo",
			} {
				if told[key] != want {
					t.Errorf("/api/info tells %s %q, want %q", key, told[key], want)
				}
			}
			if err := p.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			span := receiver.WaitSpan(t, patience, "GET /api/info")
			resource := otlpreceiver.Attributes(span.Resource.GetAttributes())
			for key, want := range map[string]string{
				"kn.service.name": "podinfo", "kn.revision.name": "podinfo-00001", "kn.configuration.name": "podinfo",
				"faas.name": "podinfo", "faas.version": "podinfo-00001",
			} {
				if resource[key] != want {
					t.Errorf("the resource has %s %q, want %q", key, resource[key], want)
				}
			}
			if got := targettest.Ask(t, "GET", p.URL, "/version"); got.Status != 200 {
				t.Errorf("after the signal: status %d, want 200", got.Status)
			}
			_ = p.Signal(syscall.SIGTERM) // the second one: leave at once
		})
	}
}
