package otlphttp

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
)

// described returns the resource as a message.
func described(r *resource.Resource) *resourcepb.Resource {
	return &resourcepb.Resource{Attributes: attributes(r.Attributes())}
}

// scopeOf returns the scope as a message.
func scopeOf(s instrumentation.Scope) *commonpb.InstrumentationScope {
	return &commonpb.InstrumentationScope{
		Name: s.Name, Version: s.Version, Attributes: attributes(s.Attributes.ToSlice()),
	}
}

// attributes returns attributes as messages, in their order.
func attributes(from []attribute.KeyValue) []*commonpb.KeyValue {
	to := make([]*commonpb.KeyValue, len(from))
	for i, a := range from {
		to[i] = &commonpb.KeyValue{Key: string(a.Key), Value: valueOf(a.Value)}
	}
	return to
}

// valueOf returns the value of an attribute as a message. Maps and bytes, which podinfo has none of, become text.
func valueOf(v attribute.Value) *commonpb.AnyValue {
	switch v.Type() {
	case attribute.BOOL:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: v.AsBool()}}
	case attribute.INT64:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: v.AsInt64()}}
	case attribute.FLOAT64:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: v.AsFloat64()}}
	case attribute.BOOLSLICE:
		return listOf(v.AsBoolSlice(), attribute.BoolValue)
	case attribute.INT64SLICE:
		return listOf(v.AsInt64Slice(), attribute.Int64Value)
	case attribute.FLOAT64SLICE:
		return listOf(v.AsFloat64Slice(), attribute.Float64Value)
	case attribute.STRINGSLICE:
		return listOf(v.AsStringSlice(), attribute.StringValue)
	case attribute.EMPTY:
		return &commonpb.AnyValue{}
	default:
		return textOf(v.String())
	}
}

func textOf(s string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
}

func listOf[T any](items []T, value func(T) attribute.Value) *commonpb.AnyValue {
	list := &commonpb.ArrayValue{Values: make([]*commonpb.AnyValue, len(items))}
	for i, item := range items {
		list.Values[i] = valueOf(value(item))
	}
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: list}}
}

// nanoseconds returns a time as OTLP counts it, zero for the zero time.
func nanoseconds(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(max(t.UnixNano(), 0))
}
