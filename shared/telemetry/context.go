package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
)

type attributesKey struct{}

// ContextWithAttributes returns ctx with attributes that the span of a request in it has besides its own: what a
// platform knows of the request that does not stand in it.
func ContextWithAttributes(ctx context.Context, attributes ...attribute.KeyValue) context.Context {
	return context.WithValue(ctx, attributesKey{}, attributes)
}

// attributesOf returns the attributes that ContextWithAttributes put into ctx.
func attributesOf(ctx context.Context) []attribute.KeyValue {
	attributes, _ := ctx.Value(attributesKey{}).([]attribute.KeyValue)
	return attributes
}
