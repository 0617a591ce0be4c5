package telemetry

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/contrib/propagators/autoprop"
	"go.opentelemetry.io/otel/propagation"
)

// propagatorNames returns the names that OTEL_PROPAGATORS may hold, in the order in which their headers are read. The
// last one found in a request wins, so they stand from the least to the most exact: ottrace keeps only half of a trace
// id, and W3C Trace Context is the standard.
func propagatorNames() []string {
	return []string{"ottrace", "xray", "jaeger", "b3multi", "b3", "tracecontext", "baggage"}
}

// defaultPropagators returns the names that hold when OTEL_PROPAGATORS is not set: every format is understood and sent
// on. The propagator b3 reads both the single and the multiple headers and writes the single one.
func defaultPropagators() []string {
	return []string{"ottrace", "xray", "jaeger", "b3", "tracecontext", "baggage"}
}

// parsePropagators returns the propagator that list, the value of OTEL_PROPAGATORS, names: names separated by commas in
// any order, "none" among them for no propagation at all, empty for the default. See
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration.
func parsePropagators(list string) (propagation.TextMapPropagator, error) {
	names := defaultPropagators()
	if list != "" {
		names = strings.Split(list, ",")
	}
	known := propagatorNames()
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
		if names[i] != "none" && !slices.Contains(known, names[i]) {
			return nil, fmt.Errorf("OTEL_PROPAGATORS=%q: unknown propagator %q; use none or some of %s",
				list, names[i], strings.Join(known, ", "))
		}
	}
	if slices.Contains(names, "none") {
		return propagation.NewCompositeTextMapPropagator(), nil
	}
	known = slices.DeleteFunc(known, func(name string) bool { return !slices.Contains(names, name) })
	propagator, err := autoprop.TextMapPropagator(known...)
	if err != nil {
		return nil, fmt.Errorf("OTEL_PROPAGATORS=%q: %w", list, err)
	}
	return safePropagator{propagator}, nil
}

// safePropagator stands between the propagators and what anyone can send.
//
// It writes only what may stand in an HTTP header or in gRPC metadata. The propagator ottrace copies the decoded
// baggage of the caller, who can put any bytes there: net/http would then refuse to send the request at all.
//
// It shows them no baggage that they cannot read. They would report it to a handler that is global to the process and
// prints on stderr.
type safePropagator struct{ propagation.TextMapPropagator }

func (p safePropagator) Inject(ctx context.Context, carrier propagation.TextMapCarrier) {
	p.TextMapPropagator.Inject(ctx, headerCarrier{carrier})
}

func (p safePropagator) Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	return p.TextMapPropagator.Extract(ctx, baggageCarrier{carrier})
}

// headerCarrier drops what is no header field.
type headerCarrier struct{ propagation.TextMapCarrier }

func (c headerCarrier) Set(name, value string) {
	if strings.ContainsFunc(name, invalidInName) || strings.ContainsFunc(value, invalidInValue) {
		return
	}
	c.TextMapCarrier.Set(name, value)
}

// invalidInName reports what is no letter, digit or mark of a field name, see RFC 9110 §5.1 and §5.6.2.
func invalidInName(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", r)
}

// invalidInValue reports what is not visible ASCII, space or tab. RFC 9110 §5.5 allows more, gRPC metadata does not.
func invalidInValue(r rune) bool { return r != '\t' && (r < ' ' || r > '~') }
