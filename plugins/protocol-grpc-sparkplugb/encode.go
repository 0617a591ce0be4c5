package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
	"github.com/podinfo-targets/podinfo/plugins/protocol-grpc-sparkplugb/pb"
)

// encode returns the payload that value describes, with the fields in the order of their numbers.
func encode(value any) ([]byte, error) {
	if err := affordable(costOf(value)); err != nil {
		return nil, err
	}
	payload, err := toPayload(value)
	if err != nil {
		return nil, err
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(payload)
}

func toPayload(v any) (*pb.Payload, error) {
	p := open(v, 0, "a payload", "timestamp", "metrics", "seq", "uuid", "body")
	payload := &pb.Payload{
		Timestamp: optional(p, "timestamp", toUnsigned),
		Metrics:   read(p, "metrics", each(metricAt(1))),
		Seq:       optional(p, "seq", toSequence),
		Uuid:      optional(p, "uuid", toText),
		Body:      read(p, "body", notation.Bytes),
	}
	return payload, p.err
}

// toSequence reads a sequence number, which begins again after 255 (tck-id-payloads-sequence-num-incrementing).
func toSequence(v any) (uint64, error) {
	n, err := toUnsigned(v)
	if err != nil || n > math.MaxUint8 {
		return 0, fmt.Errorf("%s is no sequence number, which is a whole number from 0 to 255", notation.Show(v))
	}
	return n, nil
}

// metricAt returns a function that reads a metric which lies depth objects deep.
func metricAt(depth int) func(any) (*pb.Payload_Metric, error) {
	return func(v any) (*pb.Payload_Metric, error) { return toMetric(v, depth) }
}

func toMetric(v any, depth int) (*pb.Payload_Metric, error) {
	p := open(v, depth, "a metric", "name", "alias", "timestamp", "dataType", "isHistorical", "isTransient", "isNull",
		"metadata", "properties", "value")
	m := &pb.Payload_Metric{
		Name:         optional(p, "name", toText),
		Alias:        optional(p, "alias", toUnsigned),
		Timestamp:    optional(p, "timestamp", toUnsigned),
		IsHistorical: optional(p, "isHistorical", toBool),
		IsTransient:  optional(p, "isTransient", toBool),
		IsNull:       optional(p, "isNull", toBool),
		Metadata:     read(p, "metadata", toMetadata),
		Properties:   read(p, "properties", propertiesAt(depth+1)),
	}
	t := read(p, "dataType", toDataType(isMetric))
	if p.err == nil && m.Name == nil && m.Alias == nil {
		p.err = errors.New("a metric needs a name or an alias")
	}
	if t != pb.DataType_Unknown {
		m.Datatype = proto.Uint32(uint32(t)) //nolint:gosec // 1 to 34
	}
	value := read(p, "value", func(v any) (any, error) { return toMetricValue(t, v, depth+1) })
	return m, p.hold(m, m.GetIsNull(), value)
}

// hold puts value into m, and returns the first thing that was wrong.
func (p *part) hold(m proto.Message, null bool, value any) error {
	switch {
	case p.err != nil:
		return p.err
	case null && value != nil:
		return errors.New("there is a value although isNull is true")
	case value != nil:
		setValue(m, value)
	}
	return nil
}

func toMetricValue(t pb.DataType, v any, depth int) (any, error) {
	switch t {
	case pb.DataType_Unknown:
		return toUntyped(v)
	case pb.DataType_DataSet:
		return toDataSet(v, depth)
	case pb.DataType_Template:
		return toTemplate(v, depth)
	}
	return toScalar(t, v)
}

func toMetadata(v any) (*pb.Payload_MetaData, error) {
	p := open(v, 0, "metadata", "isMultiPart", "contentType", "size", "seq", "fileName", "fileType", "md5", "description")
	return &pb.Payload_MetaData{
		IsMultiPart: optional(p, "isMultiPart", toBool),
		ContentType: optional(p, "contentType", toText),
		Size:        optional(p, "size", toUnsigned),
		Seq:         optional(p, "seq", toUnsigned),
		FileName:    optional(p, "fileName", toText),
		FileType:    optional(p, "fileType", toText),
		Md5:         optional(p, "md5", toText),
		Description: optional(p, "description", toText),
	}, p.err
}

// propertiesAt returns a function that reads a set of properties: an object of them by their keys.
func propertiesAt(depth int) func(any) (*pb.Payload_PropertySet, error) {
	return func(v any) (*pb.Payload_PropertySet, error) {
		members, ok := v.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s is no object of properties", notation.Show(v))
		}
		set := &pb.Payload_PropertySet{}
		for _, key := range slices.Sorted(maps.Keys(members)) {
			if _, err := toText(key); err != nil {
				return nil, err
			}
			value, err := toProperty(members[key], depth)
			if err != nil {
				return nil, notation.At(key, err)
			}
			set.Keys, set.Values = append(set.Keys, key), append(set.Values, value)
		}
		return set, nil
	}
}

func toProperty(v any, depth int) (*pb.Payload_PropertyValue, error) {
	p := open(v, depth, "a property", "type", "isNull", "value")
	t := read(p, "type", toDataType(isProperty))
	if p.err == nil && t == pb.DataType_Unknown {
		p.err = errors.New("a property needs a type")
	}
	property := &pb.Payload_PropertyValue{
		Type:   proto.Uint32(uint32(t)), //nolint:gosec // 1 to 34
		IsNull: optional(p, "isNull", toBool),
	}
	value := read(p, "value", func(v any) (any, error) { return toPropertyValue(t, v, depth+1) })
	return property, p.hold(property, property.GetIsNull(), value)
}

func toPropertyValue(t pb.DataType, v any, depth int) (any, error) {
	switch t {
	case pb.DataType_PropertySet:
		return propertiesAt(depth)(v)
	case pb.DataType_PropertySetList:
		sets, err := each(propertiesAt(depth))(v)
		return &pb.Payload_PropertySetList{Propertyset: sets}, err
	}
	return toScalar(t, v)
}

func toDataSet(v any, depth int) (*pb.Payload_DataSet, error) {
	p := open(v, depth, "a data set", "columns", "types", "rows")
	columns := read(p, "columns", each(toText))
	types := read(p, "types", each(toDataType(isBasic)))
	if p.err == nil && len(columns) != len(types) {
		p.err = fmt.Errorf("there are %d columns and %d types; each column needs one", len(columns), len(types))
	}
	set := &pb.Payload_DataSet{
		NumOfColumns: proto.Uint64(uint64(len(columns))),
		Columns:      columns,
		Rows:         read(p, "rows", each(rowOf(types))),
	}
	for _, t := range types {
		set.Types = append(set.Types, uint32(t)) //nolint:gosec // 1 to 14
	}
	return set, p.err
}

// rowOf returns a function that reads the values of one row: null is a value that is not there.
func rowOf(types []pb.DataType) func(any) (*pb.Payload_DataSet_Row, error) {
	return func(v any) (*pb.Payload_DataSet_Row, error) {
		list, ok := v.([]any)
		if !ok || len(list) != len(types) {
			return nil, fmt.Errorf("%s is no row, which is a list of %d values", notation.Show(v), len(types))
		}
		row := &pb.Payload_DataSet_Row{Elements: make([]*pb.Payload_DataSet_DataSetValue, len(list))}
		for i, element := range list {
			cell := &pb.Payload_DataSet_DataSetValue{}
			row.Elements[i] = cell
			if element == nil {
				continue
			}
			scalar, err := toScalar(types[i], element)
			if err != nil {
				return nil, notation.At(i, err)
			}
			setValue(cell, scalar)
		}
		return row, nil
	}
}

func toTemplate(v any, depth int) (*pb.Payload_Template, error) {
	p := open(v, depth, "a template", "version", "metrics", "parameters", "templateRef", "isDefinition")
	t := &pb.Payload_Template{
		Version:      optional(p, "version", toText),
		Metrics:      read(p, "metrics", each(metricAt(depth+1))),
		Parameters:   read(p, "parameters", each(toParameter)),
		TemplateRef:  optional(p, "templateRef", toText),
		IsDefinition: optional(p, "isDefinition", toBool),
	}
	switch {
	case p.err != nil:
		return nil, p.err
	case t.IsDefinition == nil:
		return nil, errors.New("a template needs isDefinition: true for a definition, false for an instance")
	case t.GetIsDefinition() != (t.TemplateRef == nil):
		return nil, errors.New("templateRef names the definition of a template's instance, and a definition has none")
	}
	return t, nil
}

func toParameter(v any) (*pb.Payload_Template_Parameter, error) {
	p := open(v, 0, "a parameter", "name", "type", "value")
	t := read(p, "type", toDataType(isBasic))
	parameter := &pb.Payload_Template_Parameter{
		Name: optional(p, "name", toText),
		Type: proto.Uint32(uint32(t)), //nolint:gosec // 1 to 14
	}
	if p.err == nil && (t == pb.DataType_Unknown || parameter.Name == nil) {
		p.err = errors.New("a parameter needs a name and a type")
	}
	value := read(p, "value", func(v any) (any, error) { return toScalar(t, v) })
	return parameter, p.hold(parameter, false, value)
}
