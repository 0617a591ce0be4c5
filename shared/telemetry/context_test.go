package telemetry_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/podinfo-targets/podinfo/shared/telemetry"
)

func TestSpansHaveTheAttributesOfTheirContext(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewInMemoryExporter()
	p := start(t, telemetry.Options{Exporters: telemetry.Exporters{
		Traces: func(context.Context) (sdktrace.SpanExporter, error) { return spans, nil },
	}})
	h := p.Handler("/version", answer(http.StatusOK))
	invocation := attribute.String("faas.invocation_id", "8476a536")
	for _, ctx := range []context.Context{t.Context(), telemetry.ContextWithAttributes(t.Context(), invocation)} {
		request := httptest.NewRequestWithContext(ctx, http.MethodGet, "/version", nil)
		h.ServeHTTP(httptest.NewRecorder(), request)
	}
	if err := p.ForceFlush(bounded(t)); err != nil {
		t.Fatal(err)
	}
	for i, span := range spans.GetSpans() {
		if has := slices.Contains(span.Attributes, invocation); has != (i == 1) {
			t.Errorf("the %d. span has the attribute: %t", i+1, has)
		}
	}
	if n := len(spans.GetSpans()); n != 2 {
		t.Errorf("%d spans for 2 requests", n)
	}
}
