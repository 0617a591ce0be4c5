package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
)

// encode returns the frame that value describes.
func encode(value any) ([]byte, error) {
	members, err := membersOf(value, "transport", "unit", "transaction", "kind", "function", "address", "quantity",
		"values", "exception")
	if err != nil {
		return nil, err
	}
	r := reader{members: members}
	f := r.frame()
	m := r.message()
	if r.err != nil {
		return nil, r.err
	}
	f.pdu = m.bytes()
	return f.bytes(), nil
}

// membersOf returns v, which has to be an object with none but the known members.
func membersOf(v any, known ...string) (map[string]any, error) {
	members, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s is no object with %s", notation.Show(v), strings.Join(known, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%s is no part of a frame; it can have %s", notation.Show(name), strings.Join(known, ", "))
		}
	}
	return members, nil
}

// reader reads the members of an object. The first thing that is wrong with one is kept as its error.
type reader struct {
	members map[string]any
	err     error
}

func (r *reader) fail(member string, err error) {
	if r.err == nil {
		r.err = notation.At(member, err)
	}
}

// has tells whether the member is there and not null.
func (r *reader) has(member string) bool { return r.members[member] != nil }

// number reads a whole number from 0 to most; fallback is for one that is not there, and -1 when it has to be.
func (r *reader) number(member string, most, fallback int) int {
	if !r.has(member) && fallback >= 0 {
		return fallback
	}
	n, err := whole(r.members[member], most)
	if err != nil {
		r.fail(member, err)
	}
	return n
}

func whole(v any, most int) (int, error) {
	if n, ok := v.(uint64); ok && n <= uint64(most) { //nolint:gosec // not negative
		return int(n), nil //nolint:gosec // not above most
	}
	if n, ok := notation.Whole(v).(int64); ok && n >= 0 && n <= int64(most) {
		return int(n), nil
	}
	return 0, fmt.Errorf("%s is no whole number from 0 to %d", notation.Show(v), most)
}

// choice reads one of two words. Without one, it is none.
func choice[T ~string](r *reader, member string, a, b T) T {
	switch v := r.members[member]; v {
	case nil:
		return ""
	case string(a):
		return a
	case string(b):
		return b
	default:
		r.fail(member, fmt.Errorf("%s is neither %q nor %q", notation.Show(v), a, b))
		return ""
	}
}

// frame reads how the frame travels.
func (r *reader) frame() frame {
	f := frame{transport: choice(r, "transport", rtu, tcp)}
	if f.transport == "" {
		r.fail("transport", errors.New(`say "rtu" or "tcp"`))
	}
	if f.transport == rtu && r.has("transaction") {
		r.fail("transaction", errors.New("RTU has no transactions"))
	}
	mostUnit := math.MaxUint8
	if f.transport == rtu {
		mostUnit = maxUnitRTU
	}
	f.unit = byte(r.number("unit", mostUnit, -1))                      //nolint:gosec // 255 at most
	f.transaction = uint16(r.number("transaction", math.MaxUint16, 0)) //nolint:gosec // 65535 at most
	return f
}

// message reads what the frame says.
func (r *reader) message() message {
	m := message{kind: choice(r, "kind", request, response)}
	m.function = byte(r.number("function", math.MaxInt8, -1)) //nolint:gosec // 127 at most
	if r.err == nil && !isKnown(m.function) {
		r.fail("function", fmt.Errorf("this plugin knows the functions 1 to 6, 15 and 16, and not %d", m.function))
	}
	if r.err != nil {
		return m
	}
	if r.has("exception") {
		return r.exception(m)
	}
	single := m.function == writeSingleCoil || m.function == writeSingleRegister
	if m.kind == either && !single {
		r.fail("kind", errors.New(`say "request" or "response"`))
	}
	if isRead(m.function) && m.kind == response {
		r.without("address", "quantity")
		r.values(&m)
		return m
	}
	m.address = uint16(r.number("address", math.MaxUint16, -1)) //nolint:gosec // 65535 at most
	if single {
		r.without("quantity")
		r.values(&m)
		return m
	}
	r.quantity(&m)
	return m
}

// without refuses members that frames of this kind and function do not have.
func (r *reader) without(members ...string) {
	for _, member := range members {
		if r.has(member) {
			r.fail(member, errors.New("a frame of this function and kind has none"))
		}
	}
}

func (r *reader) exception(m message) message {
	r.without("address", "quantity", "values")
	if m.kind == request {
		r.fail("exception", errors.New("only a response can be one"))
	}
	m.kind = response
	m.exception = byte(r.number("exception", math.MaxUint8, -1)) //nolint:gosec // 255 at most
	if m.exception == 0 {
		r.fail("exception", errors.New("exceptions are numbered from 1"))
	}
	return m
}

// quantity reads how many values are read or written, which the values of a write tell too.
func (r *reader) quantity(m *message) {
	given := -1
	if isWriteMultiple(m.function) && m.kind == request {
		r.values(m)
		given = len(m.bits) + len(m.registers)
	} else {
		r.without("values")
	}
	m.quantity = uint16(r.number("quantity", math.MaxUint16, given)) //nolint:gosec // 65535 at most
	if r.err != nil {
		return
	}
	if given >= 0 && int(m.quantity) != given {
		r.fail("quantity", fmt.Errorf("it is %d, and there are %d values", m.quantity, given))
	}
	if err := m.checkQuantity(); err != nil {
		r.fail("quantity", err)
	}
}

// values reads a list of booleans for coils and inputs, or of numbers for registers.
func (r *reader) values(m *message) {
	list, ok := r.members["values"].([]any)
	if most := most(m.function); !ok || len(list) < 1 || len(list) > most {
		r.fail("values", fmt.Errorf("%s is no list of 1 to %d values, as function %d has them",
			notation.Show(r.members["values"]), most, m.function))
		return
	}
	for i, v := range list {
		if err := m.add(v); err != nil {
			r.fail("values", notation.At(i, err))
			return
		}
	}
}

func (m *message) add(v any) error {
	if ofBits(m.function) {
		on, ok := v.(bool)
		if !ok {
			return fmt.Errorf("%s is neither true nor false", notation.Show(v))
		}
		m.bits = append(m.bits, on)
		return nil
	}
	n, err := whole(v, math.MaxUint16)
	m.registers = append(m.registers, uint16(n)) //nolint:gosec // 65535 at most
	return err
}

// decode returns what a frame says, in the form that encode reads. value is its bytes, or an object that also says what
// cannot be seen from them: {"transport": "rtu", "kind": "response", "frame": "EQEDzQAFbyI="}.
func decode(value any) (any, error) {
	data, ok := value.([]byte)
	r := reader{}
	if !ok {
		members, err := membersOf(value, "transport", "kind", "frame")
		if err != nil {
			return nil, err
		}
		r.members = members
		if data, err = notation.Bytes(members["frame"]); err != nil {
			return nil, notation.At("frame", err)
		}
	}
	t, k := choice(&r, "transport", rtu, tcp), choice(&r, "kind", request, response)
	if r.err != nil {
		return nil, r.err
	}
	f, err := readFrame(data, t)
	if err != nil {
		return nil, err
	}
	m, err := readPDU(f.pdu, k)
	if err != nil {
		return nil, err
	}
	return describe(f, m), nil
}

func describe(f frame, m message) map[string]any {
	result := map[string]any{"transport": string(f.transport), "unit": int64(f.unit), "function": int64(m.function)}
	if f.transport == tcp {
		result["transaction"] = int64(f.transaction)
	}
	if m.kind != either {
		result["kind"] = string(m.kind)
	}
	if m.exception != 0 {
		result["exception"] = int64(m.exception)
		return result
	}
	if !isRead(m.function) || m.kind == request {
		result["address"] = int64(m.address)
	}
	if m.quantity > 0 {
		result["quantity"] = int64(m.quantity)
	}
	if values := m.list(); values != nil {
		result["values"] = values
	}
	return result
}

// list returns the values, or nil when there are none.
func (m message) list() []any {
	var values []any
	for _, on := range m.bits {
		values = append(values, on)
	}
	for _, r := range m.registers {
		values = append(values, int64(r))
	}
	return values
}
