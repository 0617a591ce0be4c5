package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
	"github.com/podinfo-targets/podinfo/plugins/protocol-grpc-sparkplugb/pb"
)

// Which data types belong where (specification, chapter 6, "Data Types").

func isBasic(t pb.DataType) bool { return t >= pb.DataType_Int8 && t <= pb.DataType_Text }

func isArray(t pb.DataType) bool { return t >= pb.DataType_Int8Array && t <= pb.DataType_DateTimeArray }

func isMetric(t pb.DataType) bool {
	return t >= pb.DataType_Int8 && t <= pb.DataType_Template || isArray(t)
}

func isProperty(t pb.DataType) bool {
	return isBasic(t) || t == pb.DataType_PropertySet || t == pb.DataType_PropertySetList
}

// elementOf returns the data type of the elements of an array: both are numbered in the same order.
func elementOf(array pb.DataType) pb.DataType {
	return array - pb.DataType_Int8Array + pb.DataType_Int8
}

// toDataType returns a function that reads the name of one of the data types that belong there. Case does not matter:
// the specification itself writes UInt64 and Uint64.
func toDataType(belongs func(pb.DataType) bool) func(any) (pb.DataType, error) {
	return func(v any) (pb.DataType, error) {
		name, _ := v.(string)
		for t := pb.DataType_Int8; t <= pb.DataType_DateTimeArray; t++ {
			if strings.EqualFold(t.String(), name) && belongs(t) {
				return t, nil
			}
		}
		return 0, fmt.Errorf("%s is no data type here; these are: %s", notation.Show(v), names(belongs))
	}
}

// fromDataType returns the data type with the number.
func fromDataType(number uint32, belongs func(pb.DataType) bool) (pb.DataType, error) {
	if t := pb.DataType(number); number <= math.MaxInt8 && belongs(t) { //nolint:gosec // 7 bits
		return t, nil
	}
	return 0, fmt.Errorf("%d is the number of no data type here; these are: %s", number, names(belongs))
}

func names(belongs func(pb.DataType) bool) string {
	var list []string
	for t := pb.DataType_Int8; t <= pb.DataType_DateTimeArray; t++ {
		if belongs(t) {
			list = append(list, t.String())
		}
	}
	return strings.Join(list, ", ")
}

// integer is a data type of whole numbers.
type integer struct {
	bits   int
	signed bool
}

func integerOf(t pb.DataType) (integer, bool) {
	switch { // 8, 16, 32 and 64 bits are numbered in this order
	case t >= pb.DataType_Int8 && t <= pb.DataType_Int64:
		return integer{8 << (t - pb.DataType_Int8), true}, true
	case t >= pb.DataType_UInt8 && t <= pb.DataType_UInt64:
		return integer{8 << (t - pb.DataType_UInt8), false}, true
	case t == pb.DataType_DateTime: // milliseconds since 1970
		return integer{64, false}, true
	}
	return integer{}, false
}

// bounds returns the smallest and the largest number.
func (i integer) bounds() (least int64, most uint64) {
	if i.signed {
		return -1 << (i.bits - 1), 1<<(i.bits-1) - 1
	}
	return 0, math.MaxUint64 >> (64 - i.bits)
}

func isText(t pb.DataType) bool {
	return slices.Contains([]pb.DataType{pb.DataType_String, pb.DataType_Text, pb.DataType_UUID}, t)
}

func isBytes(t pb.DataType) bool { return t == pb.DataType_Bytes || t == pb.DataType_File }
