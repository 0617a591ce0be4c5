package telemetry

import (
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// text returns s as OTLP can carry it. The strings of protobuf must be UTF-8, and a single one that is not costs the
// whole batch, although anyone can put it there: in a path, a user agent, the name of a gRPC method.
func text(s string) string { return strings.ToValidUTF8(s, string(utf8.RuneError)) }

// textSpan is a span with nothing but text in it.
type textSpan struct{ sdktrace.ReadOnlySpan }

// textSpans returns the spans with nothing but text in them.
func textSpans(spans []sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	texts := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, span := range spans {
		texts[i] = textSpan{span}
	}
	return texts
}

// Name returns the span's name.
func (s textSpan) Name() string { return text(s.ReadOnlySpan.Name()) }

// Attributes returns the span's attributes.
func (s textSpan) Attributes() []attribute.KeyValue {
	return textAttributes(s.ReadOnlySpan.Attributes())
}

// Status returns the span's status.
func (s textSpan) Status() sdktrace.Status {
	status := s.ReadOnlySpan.Status()
	status.Description = text(status.Description)
	return status
}

// Events returns the span's events, such as recorded errors.
func (s textSpan) Events() []sdktrace.Event {
	events := slices.Clone(s.ReadOnlySpan.Events())
	for i := range events {
		events[i].Name = text(events[i].Name)
		events[i].Attributes = textAttributes(events[i].Attributes)
	}
	return events
}

// textAttributes returns the attributes themselves when, as nearly always, there is nothing to mend.
func textAttributes(attributes []attribute.KeyValue) []attribute.KeyValue {
	if !slices.ContainsFunc(attributes, notText) {
		return attributes
	}
	attributes = slices.Clone(attributes)
	for i, a := range attributes {
		if notText(a) {
			attributes[i] = attribute.String(string(a.Key), text(a.Value.AsString()))
		}
	}
	return attributes
}

func notText(a attribute.KeyValue) bool {
	return a.Value.Type() == attribute.STRING && !utf8.ValidString(a.Value.AsString())
}
