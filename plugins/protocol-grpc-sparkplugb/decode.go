package main

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
	"github.com/podinfo-targets/podinfo/plugins/protocol-grpc-sparkplugb/pb"
)

// decode returns what the payload says, in the form that encode reads.
func decode(data []byte) (any, error) {
	payload := &pb.Payload{}
	s := scanner{}
	if err := s.message(payload.ProtoReflect().Descriptor(), data, 0); err != nil {
		return nil, err
	}
	if err := affordable(s.cost); err != nil {
		return nil, err
	}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, payload); err != nil {
		return nil, fmt.Errorf("this is no payload of Sparkplug B: %w", err)
	}
	if err := affordable(s.cost + arrayCost(payload.Metrics)); err != nil {
		return nil, err
	}
	return fromPayload(payload)
}

func fromPayload(p *pb.Payload) (any, error) {
	object := map[string]any{}
	put(object, "timestamp", p.Timestamp, number)
	put(object, "seq", p.Seq, number)
	put(object, "uuid", p.Uuid, same)
	if p.Body != nil {
		object["body"] = p.Body
	}
	metrics, err := list(p.Metrics, fromMetric)
	if err != nil {
		return nil, notation.At("metrics", err)
	}
	object["metrics"] = metrics
	return object, nil
}

// put adds a member for a field that is there.
func put[T any](object map[string]any, name string, field *T, as func(T) any) {
	if field != nil {
		object[name] = as(*field)
	}
}

func same[T any](value T) any { return value }

// list makes a list of messages, each by as. It lets go of the messages, so that not all of both are in memory at once.
func list[T any](messages []T, as func(T) (any, error)) (any, error) {
	result := make([]any, len(messages))
	for i, m := range messages {
		v, err := as(m)
		if err != nil {
			return nil, notation.At(i, err)
		}
		result[i] = v
		clear(messages[i : i+1])
	}
	return result, nil
}

func fromMetric(m *pb.Payload_Metric) (any, error) {
	object := map[string]any{}
	put(object, "name", m.Name, same)
	put(object, "alias", m.Alias, number)
	put(object, "timestamp", m.Timestamp, number)
	put(object, "isHistorical", m.IsHistorical, same)
	put(object, "isTransient", m.IsTransient, same)
	put(object, "isNull", m.IsNull, same)
	if m.Metadata != nil {
		object["metadata"] = fromMetadata(m.Metadata)
	}
	if m.Properties != nil {
		properties, err := fromProperties(m.Properties)
		if err != nil {
			return nil, notation.At("properties", err)
		}
		object["properties"] = properties
	}
	t, err := metricType(m)
	if err != nil {
		return nil, notation.At("dataType", err)
	}
	if t != pb.DataType_Unknown {
		object["dataType"] = t.String()
	}
	return object, give(object, m.GetIsNull(), valueOf(m), func(value any) (any, error) {
		return fromMetricValue(t, value)
	})
}

// metricType returns the data type of a metric, which may be missing when its birth certificate had it. Data sets and
// templates show what they are.
func metricType(m *pb.Payload_Metric) (pb.DataType, error) {
	if m.Datatype != nil {
		return fromDataType(m.GetDatatype(), isMetric)
	}
	switch valueOf(m).(type) {
	case *pb.Payload_DataSet:
		return pb.DataType_DataSet, nil
	case *pb.Payload_Template:
		return pb.DataType_Template, nil
	}
	return pb.DataType_Unknown, nil
}

// give adds the value to an object, unless there is none.
func give(object map[string]any, null bool, value any, as func(any) (any, error)) error {
	if null || value == nil {
		return nil
	}
	v, err := as(value)
	if err != nil {
		return notation.At("value", err)
	}
	object["value"] = v
	return nil
}

func fromMetricValue(t pb.DataType, value any) (any, error) {
	switch v := value.(type) {
	case *pb.Payload_DataSet:
		if t == pb.DataType_DataSet {
			return fromDataSet(v)
		}
	case *pb.Payload_Template:
		if t == pb.DataType_Template {
			return fromTemplate(v)
		}
	default:
		if t == pb.DataType_Unknown {
			return fromUntyped(v), nil
		}
		return fromScalar(t, v)
	}
	return nil, unfit(t, value)
}

func fromMetadata(m *pb.Payload_MetaData) any {
	object := map[string]any{}
	put(object, "isMultiPart", m.IsMultiPart, same)
	put(object, "contentType", m.ContentType, same)
	put(object, "size", m.Size, number)
	put(object, "seq", m.Seq, number)
	put(object, "fileName", m.FileName, same)
	put(object, "fileType", m.FileType, same)
	put(object, "md5", m.Md5, same)
	put(object, "description", m.Description, same)
	return object
}

func fromProperties(set *pb.Payload_PropertySet) (any, error) {
	if len(set.Keys) != len(set.Values) {
		return nil, fmt.Errorf("there are %d keys and %d values; each key needs one", len(set.Keys), len(set.Values))
	}
	object := make(map[string]any, len(set.Keys))
	for i, key := range set.Keys {
		if _, twice := object[key]; twice {
			return nil, fmt.Errorf("the property %s is there twice", notation.Show(key))
		}
		property, err := fromProperty(set.Values[i])
		if err != nil {
			return nil, notation.At(key, err)
		}
		object[key], set.Values[i] = property, nil
	}
	return object, nil
}

func fromProperty(p *pb.Payload_PropertyValue) (any, error) {
	t, err := fromDataType(p.GetType(), isProperty)
	if err != nil {
		return nil, notation.At("type", err)
	}
	object := map[string]any{"type": t.String()}
	put(object, "isNull", p.IsNull, same)
	return object, give(object, p.GetIsNull(), valueOf(p), func(value any) (any, error) {
		return fromPropertyValue(t, value)
	})
}

func fromPropertyValue(t pb.DataType, value any) (any, error) {
	switch v := value.(type) {
	case *pb.Payload_PropertySet:
		if t == pb.DataType_PropertySet {
			return fromProperties(v)
		}
	case *pb.Payload_PropertySetList:
		if t == pb.DataType_PropertySetList {
			return list(v.Propertyset, fromProperties)
		}
	default:
		return fromScalar(t, v)
	}
	return nil, unfit(t, value)
}

func fromDataSet(set *pb.Payload_DataSet) (any, error) {
	if len(set.Columns) != len(set.Types) || set.GetNumOfColumns() != uint64(len(set.Columns)) {
		return nil, fmt.Errorf("num_of_columns is %d, and there are %d columns and %d types; all three have to be the same",
			set.GetNumOfColumns(), len(set.Columns), len(set.Types))
	}
	columns, types := make([]any, len(set.Columns)), make([]any, len(set.Types))
	for i, number := range set.Types {
		t, err := fromDataType(number, isBasic)
		if err != nil {
			return nil, notation.At("types", notation.At(i, err))
		}
		columns[i], types[i] = set.Columns[i], t.String()
	}
	rows, err := list(set.Rows, func(r *pb.Payload_DataSet_Row) (any, error) { return fromRow(set.Types, r) })
	if err != nil {
		return nil, notation.At("rows", err)
	}
	return map[string]any{"columns": columns, "types": types, "rows": rows}, nil
}

func fromRow(types []uint32, row *pb.Payload_DataSet_Row) (any, error) {
	if len(row.Elements) != len(types) {
		return nil, fmt.Errorf("the row has %d values for %d columns", len(row.Elements), len(types))
	}
	values := make([]any, len(types))
	for i, element := range row.Elements {
		scalar := valueOf(element)
		if scalar == nil {
			continue
		}
		v, err := fromScalar(pb.DataType(types[i]), scalar) //nolint:gosec // 1 to 14, see fromDataSet
		if err != nil {
			return nil, notation.At(i, err)
		}
		values[i] = v
	}
	return values, nil
}

func fromTemplate(t *pb.Payload_Template) (any, error) {
	object := map[string]any{}
	put(object, "version", t.Version, same)
	put(object, "templateRef", t.TemplateRef, same)
	put(object, "isDefinition", t.IsDefinition, same)
	metrics, err := list(t.Metrics, fromMetric)
	if err != nil {
		return nil, notation.At("metrics", err)
	}
	object["metrics"] = metrics
	if len(t.Parameters) == 0 {
		return object, nil
	}
	parameters, err := list(t.Parameters, fromParameter)
	if err != nil {
		return nil, notation.At("parameters", err)
	}
	object["parameters"] = parameters
	return object, nil
}

func fromParameter(p *pb.Payload_Template_Parameter) (any, error) {
	t, err := fromDataType(p.GetType(), isBasic)
	if err != nil {
		return nil, notation.At("type", err)
	}
	object := map[string]any{"type": t.String()}
	put(object, "name", p.Name, same)
	return object, give(object, false, valueOf(p), func(value any) (any, error) { return fromScalar(t, value) })
}
