package main

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
	"github.com/podinfo-targets/podinfo/plugins/protocol-grpc-sparkplugb/pb"
)

// A scalar is what the oneof called value of metrics, properties, parameters and data sets can hold: uint32, uint64,
// float32, float64, bool, string or []byte. Which one belongs to a data type is in the specification's chapter 6,
// "Datatype Details".

// setValue puts a scalar or a message into m's value. m has a field for it.
func setValue(m proto.Message, value any) {
	r := m.ProtoReflect()
	if message, ok := value.(proto.Message); ok {
		value = message.ProtoReflect()
	}
	r.Set(r.Descriptor().Fields().ByName(fieldOf(value)), protoreflect.ValueOf(value))
}

func fieldOf(value any) protoreflect.Name {
	switch v := value.(type) {
	case uint32:
		return "int_value"
	case uint64:
		return "long_value"
	case float32:
		return "float_value"
	case float64:
		return "double_value"
	case bool:
		return "boolean_value"
	case string:
		return "string_value"
	case []byte:
		return "bytes_value"
	case protoreflect.Message:
		return messageField(v.Descriptor().Name())
	}
	return ""
}

func messageField(message protoreflect.Name) protoreflect.Name {
	switch message {
	case "DataSet":
		return "dataset_value"
	case "Template":
		return "template_value"
	case "PropertySet":
		return "propertyset_value"
	default: // PropertySetList
		return "propertysets_value"
	}
}

// valueOf returns what m's value holds: a scalar, a message, or nil when it holds nothing.
func valueOf(m proto.Message) any {
	r := m.ProtoReflect()
	field := r.WhichOneof(r.Descriptor().Oneofs().ByName("value"))
	if field == nil {
		return nil
	}
	value := r.Get(field).Interface()
	if message, ok := value.(protoreflect.Message); ok {
		return message.Interface()
	}
	return value
}

// toScalar returns a value of JSON, which has to be of the data type t, as what is sent of it.
func toScalar(t pb.DataType, v any) (any, error) {
	if i, ok := integerOf(t); ok {
		return toInteger(t, i, v)
	}
	switch {
	case t == pb.DataType_Float:
		return toFloat(v)
	case t == pb.DataType_Double:
		return toDouble(v)
	case t == pb.DataType_Boolean:
		return toBool(v)
	case t == pb.DataType_UUID:
		return toUUID(v)
	case isText(t):
		return toText(v)
	case isArray(t):
		return toArray(elementOf(t), v)
	default: // bytes and files
		return notation.Bytes(v)
	}
}

func toInteger(t pb.DataType, i integer, v any) (any, error) {
	least, most := i.bounds()
	var bits uint64
	switch n := notation.Whole(v).(type) {
	case int64:
		bits = uint64(n) //nolint:gosec // two's complement
		if n < least || n >= 0 && bits > most {
			return nil, noInteger(t, v, least, most)
		}
	case uint64:
		bits = n
		if n > most {
			return nil, noInteger(t, v, least, most)
		}
	default:
		return nil, noInteger(t, v, least, most)
	}
	if i.bits == 64 {
		return bits, nil
	}
	return uint32(bits), nil //nolint:gosec // negative numbers keep their sign: two's complement
}

func noInteger(t pb.DataType, v any, least int64, most uint64) error {
	return fmt.Errorf("%s is no %s, which is a whole number from %d to %d", notation.Show(v), t, least, most)
}

func toDouble(v any) (float64, error) { return toReal(pb.DataType_Double, v) }

func toFloat(v any) (any, error) {
	n, err := toReal(pb.DataType_Float, v)
	if err != nil {
		return nil, err
	}
	f := float32(n)
	if math.IsInf(float64(f), 0) && !math.IsInf(n, 0) {
		return nil, fmt.Errorf("%s is too large for a Float, which has 32 bits; make it a Double", notation.Show(v))
	}
	return f, nil
}

// toReal reads a number of the data type t. Fractions are rounded, as floats are, but no whole number becomes another.
func toReal(t pb.DataType, v any) (float64, error) {
	switch n := v.(type) {
	case int64:
		return float64(n), held(t, v, float64(n), uint64(max(n, -n))) //nolint:gosec // the smallest, too, is 1<<63 then
	case uint64:
		return float64(n), held(t, v, float64(n), n)
	case float64:
		return n, nil
	case string:
		return notation.Float(n)
	}
	return 0, fmt.Errorf("%s is no number", notation.Show(v))
}

// held returns what is wrong with a whole number of the magnitude, which has more binary digits than the data type t
// holds of it (IEEE 754 has 24 and 53). nearest is the one that it would become.
func held(t pb.DataType, v any, nearest float64, magnitude uint64) error {
	digits := 53
	if t == pb.DataType_Float {
		digits, nearest = 24, float64(float32(nearest))
	}
	if bits.Len64(magnitude)-bits.TrailingZeros64(magnitude) <= digits {
		return nil
	}
	return fmt.Errorf("%s is no %s, which would make it %.0f; take a data type of whole numbers", notation.Show(v), t,
		nearest)
}

// toUUID checks the form of RFC 9562 §4.
func toUUID(v any) (any, error) {
	text, _ := v.(string)
	if !isUUID(text) {
		return nil, fmt.Errorf("%s is no UUID such as 123e4567-e89b-12d3-a456-426614174000", notation.Show(v))
	}
	return text, nil
}

func isUUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i, c := range []byte(text) {
		hyphen := i == 8 || i == 13 || i == 18 || i == 23
		hex := c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
		if hyphen != (c == '-') || !hyphen && !hex {
			return false
		}
	}
	return true
}

// fromScalar returns what a scalar of the data type t means, as a value that JSON can hold.
func fromScalar(t pb.DataType, value any) (any, error) {
	if i, ok := integerOf(t); ok {
		return fromInteger(t, i, value)
	}
	switch v := value.(type) {
	case float32:
		if t == pb.DataType_Float {
			return fromFloat(v), nil
		}
	case float64:
		if t == pb.DataType_Double {
			return fromDouble(v), nil
		}
	case bool:
		if t == pb.DataType_Boolean {
			return v, nil
		}
	case string:
		if isText(t) {
			return v, nil
		}
	case []byte:
		switch {
		case isArray(t):
			return fromArray(elementOf(t), v)
		case isBytes(t):
			return v, nil
		}
	}
	return nil, unfit(t, value)
}

func unfit(t pb.DataType, value any) error {
	if message, ok := value.(proto.Message); ok {
		value = message.ProtoReflect()
	}
	return fmt.Errorf("the value is in %s, which is not where the data type %s has it", fieldOf(value), t)
}

// fromInteger takes the number from whichever of the two fields it is in: implementations differ for UInt32. They
// differ too in whether a negative number of less than 32 bits fills the field with its sign.
func fromInteger(t pb.DataType, i integer, value any) (any, error) {
	var signed int64
	var unsigned uint64
	switch v := value.(type) {
	case uint32:
		signed, unsigned = int64(int32(v)), uint64(v) //nolint:gosec // two's complement
	case uint64:
		signed, unsigned = int64(v), v //nolint:gosec // two's complement
	default:
		return nil, unfit(t, value)
	}
	least, most := i.bounds()
	switch {
	case !i.signed && unsigned <= most:
		return number(unsigned), nil
	case i.signed && signed >= least && (signed < 0 || uint64(signed) <= most):
		return signed, nil
	case i.signed && unsigned>>i.bits == 0:
		return signed - 1<<i.bits, nil
	}
	return nil, fmt.Errorf("%d is no %s, which is a whole number from %d to %d", unsigned, t, least, most)
}

// number returns n as package contract has whole numbers: an int64 where one is large enough.
func number(n uint64) any {
	if n <= math.MaxInt64 {
		return int64(n)
	}
	return n
}

// fromFloat returns the number with the fewest digits that is f, which is what was meant: 12.1 and not 12.100000381.
// Where there are no fractions any more, those digits could make a whole number another one.
func fromFloat(f float32) any {
	if math.Abs(float64(f)) >= 1<<24 {
		return fromDouble(float64(f))
	}
	n, err := strconv.ParseFloat(strconv.FormatFloat(float64(f), 'g', -1, 32), 64)
	if err != nil {
		return float64(f)
	}
	return fromDouble(n)
}

// fromDouble returns what JSON has no number for as text.
func fromDouble(f float64) any {
	if name := notation.FloatName(f); name != "" {
		return name
	}
	return f
}

// toUntyped returns the scalar of a metric that names no data type, which it may when its birth certificate did.
func toUntyped(v any) (any, error) {
	switch n := v.(type) {
	case bool, float64, []byte:
		return n, nil
	case string:
		return toText(n)
	case int64, uint64:
		unsigned, err := toUnsigned(n)
		if err != nil {
			return nil, fmt.Errorf("%v is negative, and its sign is lost without dataType; name one such as Int32", n)
		}
		if unsigned <= math.MaxUint32 {
			return uint32(unsigned), nil
		}
		return unsigned, nil
	}
	return nil, errors.New("a value like this needs dataType")
}

// fromUntyped returns the value of a metric that names no data type: whole numbers have no sign then.
func fromUntyped(value any) any {
	switch v := value.(type) {
	case uint32:
		return int64(v)
	case uint64:
		return number(v)
	case float32:
		return fromFloat(v)
	case float64:
		return fromDouble(v)
	}
	return value
}
