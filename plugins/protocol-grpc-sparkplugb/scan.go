package main

import (
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
)

// scanner looks through a message before it is read, for what it will take in memory. It also looks at the texts, which
// syntax proto2 lets be anything.
type scanner struct {
	cost int64 // of what was seen
}

// message returns what is wrong with a message. What is no message at all is left to those who read it.
func (s *scanner) message(d protoreflect.MessageDescriptor, data []byte, depth int) error {
	if depth > 2*notation.MaxDepth { // a metric of a template is 2 messages deeper than the metric that is the template
		return notation.ErrTooDeep
	}
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return nil
		}
		length := protowire.ConsumeFieldValue(number, kind, data[n:])
		if length < 0 {
			return nil
		}
		s.cost += valueCost
		if f := d.Fields().ByNumber(number); f != nil && kind == protowire.BytesType {
			if err := s.field(f, data[n:], depth); err != nil {
				return err
			}
		}
		data = data[n+length:]
	}
	return nil
}

func (s *scanner) field(f protoreflect.FieldDescriptor, data []byte, depth int) error {
	content, _ := protowire.ConsumeBytes(data)
	switch f.Kind() {
	case protoreflect.MessageKind:
		s.cost += messageCost(f.Message())
		return s.message(f.Message(), content, depth+1)
	case protoreflect.StringKind:
		s.cost += int64(len(content))
		if !utf8.Valid(content) {
			return fmt.Errorf("a %s is not UTF-8", f.Name())
		}
	case protoreflect.BytesKind:
		s.cost += int64(len(content))
	default: // numbers, packed: each has a byte or more
		s.cost += valueCost * int64(len(content))
	}
	return nil
}
