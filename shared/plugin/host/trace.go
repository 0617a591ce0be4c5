package host

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

const scope = "github.com/podinfo-targets/podinfo/shared/plugin/host"

// The attributes of a call's span.
const (
	attributePlugin    = attribute.Key("plugin.name")
	attributeTransport = attribute.Key("plugin.transport")
	attributeSHA256    = attribute.Key("plugin.sha256") // of the file that runs
	attributeRetry     = attribute.Key("plugin.retry")  // whether the call was made once more
	attributeError     = attribute.Key("error.type")
)

// spanNames are those of the methods.
var spanNames = [methods]string{"plugin.encode", "plugin.decode"}

// traced makes a call within a span, when there is a tracer.
func (p *plugin) traced(ctx context.Context, m method, value any) (any, error) {
	if p.tracer == nil {
		return p.call(ctx, m, value)
	}
	ctx, span := p.tracer.Start(ctx, spanNames[m], trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	if !span.IsRecording() {
		return p.call(ctx, m, value)
	}
	span.SetAttributes(attributePlugin.String(p.name.File), attributeTransport.String(string(p.name.Transport)),
		attributeRetry.Bool(false))
	answer, err := p.call(ctx, m, value)
	if err != nil {
		span.SetAttributes(attributeError.String(resultNames[resultOf(err)]))
		span.SetStatus(codes.Error, err.Error())
	}
	return answer, err
}

// mark tells the span of ctx which instance has the call, and whether it is not the first.
func mark(ctx context.Context, i *instance, retry bool) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attributeSHA256.String(i.lease.file.SHA256))
	if retry {
		span.SetAttributes(attributeRetry.Bool(true))
	}
}
