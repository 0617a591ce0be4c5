package main

import (
	"bytes"
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/podinfo-targets/podinfo/plugins/protocol-grpc-sparkplugb/pb"
)

// maxCost bounds the memory that one call takes for what a payload says, in bytes. 2 bytes of a payload can be a
// metric, so that the size of a payload bounds nothing, and a process has calls beside each other. It is enough for
// 30,000 metrics with a name, a time, a data type and a value.
const maxCost = 16 << 20

// What the parts take, about: as what is larger, the message of protobuf or the value that JSON can hold. A message is
// let go once its value is made.
const (
	objectCost = 352 // a map with the first of its members, and its place in a list
	listCost   = 96  // a list, or a message that holds one scalar
	valueCost  = 32  // a scalar or the head of a text, and its place
)

// affordable returns what is wrong with a payload whose parts take cost.
func affordable(cost int64) error {
	if cost <= maxCost {
		return nil
	}
	return fmt.Errorf("its metrics, values and texts take about %d bytes of memory, and %d is the most; split it",
		cost, maxCost)
}

// messageCost returns what a message takes without its fields.
func messageCost(d protoreflect.MessageDescriptor) int64 {
	switch d.Name() {
	case "Row", "DataSetValue":
		return listCost
	}
	return objectCost
}

// arrayCost returns what the arrays take as lists, which as they are sent have up to 8 elements in a byte.
func arrayCost(metrics []*pb.Payload_Metric) (cost int64) {
	for _, m := range metrics {
		cost += arrayCost(m.GetTemplateValue().GetMetrics())
		t := pb.DataType(m.GetDatatype()) //nolint:gosec // what overflows is no array
		if isArray(t) {
			cost += valueCost * int64(elements(elementOf(t), m.GetBytesValue()))
		}
	}
	return cost
}

// elements returns how many elements of the data type t are packed, or about as many.
func elements(t pb.DataType, packed []byte) int {
	switch t {
	case pb.DataType_Boolean:
		return 8 * len(packed)
	case pb.DataType_String:
		return bytes.Count(packed, []byte{0})
	}
	return len(packed) / sizeOf(t)
}

// costOf returns what the messages that v describes take.
func costOf(v any) (cost int64) {
	switch v := v.(type) {
	case map[string]any:
		cost = objectCost
		for name, member := range v {
			cost += int64(len(name)) + costOf(member)
		}
		return cost
	case []any:
		for _, element := range v {
			cost += elementCost(element)
		}
		return cost + listCost
	case string:
		return valueCost + int64(len(v))
	case []byte:
		return valueCost + int64(len(v))
	}
	return valueCost
}

// elementCost is costOf for what is in a list. A list in a list is a row, of which each scalar becomes a message.
func elementCost(v any) int64 {
	row, _ := v.([]any)
	return costOf(v) + listCost*int64(len(row))
}
