package telemetry

import (
	"slices"
	"strings"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
)

// The limits of baggage, see https://www.w3.org/TR/baggage/#limits.
const (
	maxBaggageMembers = 64
	maxBaggageBytes   = 8192
)

const (
	baggageHeader    = "baggage"
	otBaggagePrefix  = "ot-baggage-"
	baggageSeparator = ","
)

// baggageCarrier shows of the incoming baggage what can be read: that of W3C, and that of ottrace, which is a header
// for each of its members.
type baggageCarrier struct{ propagation.TextMapCarrier }

// Get returns the value of a header.
func (c baggageCarrier) Get(name string) string {
	if strings.EqualFold(name, baggageHeader) {
		return c.baggage()
	}
	return c.TextMapCarrier.Get(name)
}

// baggage returns the members that can be read from all headers that have some.
func (c baggageCarrier) baggage() string {
	list := c.TextMapCarrier.Get(baggageHeader)
	if many, ok := c.TextMapCarrier.(propagation.ValuesGetter); ok {
		list = strings.Join(many.Values(baggageHeader), baggageSeparator)
	}
	readable, _ := baggage.Parse(list) // What is left out is the sender's loss.
	return readable.String()
}

// Keys lists the headers.
func (c baggageCarrier) Keys() []string {
	members, size := 0, 0
	return slices.DeleteFunc(c.TextMapCarrier.Keys(), func(key string) bool {
		name, is := strings.CutPrefix(strings.ToLower(key), otBaggagePrefix)
		if !is {
			return false
		}
		member, err := baggage.NewMember(name, c.TextMapCarrier.Get(key))
		if err != nil {
			return true
		}
		members++
		size += len(member.String()) + len(baggageSeparator)
		return members > maxBaggageMembers || size > maxBaggageBytes
	})
}
