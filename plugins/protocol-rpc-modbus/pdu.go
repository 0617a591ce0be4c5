package main

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The functions that this plugin knows, with their numbers and bounds (MODBUS Application Protocol Specification
// V1.1b3, section 6).
const (
	readCoils              = 1
	readDiscreteInputs     = 2
	readHoldingRegisters   = 3
	readInputRegisters     = 4
	writeSingleCoil        = 5
	writeSingleRegister    = 6
	writeMultipleCoils     = 15
	writeMultipleRegisters = 16

	maxReadBits       = 2000
	maxReadRegisters  = 125
	maxWriteBits      = 1968
	maxWriteRegisters = 123

	coilOn, coilOff = 0xff00, 0x0000

	exceptionBit = 0x80 // in the function of a response
)

// kind is whether a message asks or answers. That it is either is true of echoes: who answers to function 5 and 6
// repeats the request.
type kind string

const (
	request  kind = "request"
	response kind = "response"
	either   kind = ""
)

// message is what a PDU says. Which parts it has depends on function and kind.
type message struct {
	kind      kind
	function  byte
	exception byte // 0 for none
	address   uint16
	quantity  uint16
	bits      []bool   // of coils and inputs
	registers []uint16 // of registers
}

func isRead(function byte) bool { return function >= readCoils && function <= readInputRegisters }

func isWriteMultiple(function byte) bool {
	return function == writeMultipleCoils || function == writeMultipleRegisters
}

func isKnown(function byte) bool {
	return function >= readCoils && function <= writeSingleRegister || isWriteMultiple(function)
}

// ofBits tells whether the function is about coils or inputs, else about registers.
func ofBits(function byte) bool {
	return function <= readDiscreteInputs || function == writeSingleCoil || function == writeMultipleCoils
}

// most returns how many values the function takes or gives.
func most(function byte) int {
	switch function {
	case readCoils, readDiscreteInputs:
		return maxReadBits
	case readHoldingRegisters, readInputRegisters:
		return maxReadRegisters
	case writeMultipleCoils:
		return maxWriteBits
	case writeMultipleRegisters:
		return maxWriteRegisters
	}
	return 1
}

// bytes returns the PDU. The message has been checked.
func (m message) bytes() []byte {
	switch {
	case m.exception != 0:
		return []byte{m.function | exceptionBit, m.exception}
	case isRead(m.function) && m.kind == response:
		data := m.data()
		return append([]byte{m.function, byte(len(data))}, data...) //nolint:gosec // 250 at most
	case isRead(m.function), isWriteMultiple(m.function) && m.kind == response:
		return words(m.function, m.address, m.quantity)
	case isWriteMultiple(m.function):
		data := m.data()
		pdu := append(words(m.function, m.address, m.quantity), byte(len(data))) //nolint:gosec // 246 at most
		return append(pdu, data...)
	case m.function == writeSingleCoil:
		return words(m.function, m.address, coil(m.bits[0]))
	}
	return words(m.function, m.address, m.registers[0])
}

func words(function byte, list ...uint16) []byte {
	pdu := []byte{function}
	for _, w := range list {
		pdu = binary.BigEndian.AppendUint16(pdu, w)
	}
	return pdu
}

func coil(on bool) uint16 {
	if on {
		return coilOn
	}
	return coilOff
}

// data returns the values: bits from the lowest of each byte up, registers with their high byte first.
func (m message) data() []byte {
	if !ofBits(m.function) {
		var data []byte
		for _, r := range m.registers {
			data = binary.BigEndian.AppendUint16(data, r)
		}
		return data
	}
	data := make([]byte, (len(m.bits)+7)/8)
	for i, on := range m.bits {
		if on {
			data[i/8] |= 1 << (i % 8)
		}
	}
	return data
}

// readPDU returns what a PDU of the kind says. With the kind unknown, the PDU has to be of one kind only, or an echo.
func readPDU(pdu []byte, k kind) (message, error) {
	function := pdu[0] &^ exceptionBit
	if !isKnown(function) {
		return message{}, fmt.Errorf("the function is %d; this plugin knows 1 to 6, 15 and 16", pdu[0])
	}
	if pdu[0] != function {
		return readException(pdu, k)
	}
	if k != either {
		return readAs(pdu, k)
	}
	asked, askedErr := readAs(pdu, request)
	answered, answeredErr := readAs(pdu, response)
	switch {
	case askedErr == nil && answeredErr == nil && !isRead(function):
		asked.kind = either
		return asked, nil
	case askedErr == nil && answeredErr == nil:
		return message{}, errors.New("the frame can be a request and a response; " +
			`say which: {"kind": "request", "frame": ...}`)
	case askedErr == nil:
		return asked, nil
	case answeredErr == nil:
		return answered, nil
	}
	return message{}, fmt.Errorf("this is neither a request (%w) nor a response (%w) of function %d",
		askedErr, answeredErr, function)
}

// readException reads the answer of a server that could not do what it was asked (section 7).
func readException(pdu []byte, k kind) (message, error) {
	function := pdu[0] &^ exceptionBit
	switch {
	case k == request:
		return message{}, fmt.Errorf("the function is %d, which only the response to function %d has", pdu[0], function)
	case len(pdu) != 2:
		return message{}, fmt.Errorf("an exception has %d bytes, and it has to have 2: function and code", len(pdu))
	case pdu[1] == 0:
		return message{}, errors.New("the code of an exception is 0; they are numbered from 1")
	}
	return message{kind: response, function: function, exception: pdu[1]}, nil
}

func readAs(pdu []byte, k kind) (message, error) {
	m := message{kind: k, function: pdu[0]}
	if isRead(m.function) && k == response {
		return m.readValues(pdu)
	}
	if isWriteMultiple(m.function) && k == request {
		return m.readWrite(pdu)
	}
	if len(pdu) != 5 {
		return m, fmt.Errorf("it has %d bytes, and it has to have 5", len(pdu))
	}
	m.address = binary.BigEndian.Uint16(pdu[1:])
	second := binary.BigEndian.Uint16(pdu[3:])
	switch m.function {
	case writeSingleRegister:
		m.registers = []uint16{second}
		return m, nil
	case writeSingleCoil:
		m.bits = []bool{second == coilOn}
		if second != coilOn && second != coilOff {
			return m, fmt.Errorf("the coil's value is %04x, and it has to be ff00 for on or 0000 for off", second)
		}
		return m, nil
	}
	m.quantity = second
	return m, m.checkQuantity()
}

// readValues reads the response to a function that reads. How many bits were asked for is not in it: those that fill
// the last byte are there too.
func (m message) readValues(pdu []byte) (message, error) {
	if len(pdu) < 3 || int(pdu[1]) != len(pdu)-2 {
		return m, fmt.Errorf("it has %d bytes, and its second one has to be the number of those after it, 1 or more",
			len(pdu))
	}
	if len(pdu)-2 > (most(m.function)+7)/8 && ofBits(m.function) {
		return m, fmt.Errorf("it has %d bytes of values, and function %d gives at most %d", len(pdu)-2, m.function,
			(most(m.function)+7)/8)
	}
	return m.withData(pdu[2:], 8*len(pdu[2:]))
}

// readWrite reads the request of a function that writes several values.
func (m message) readWrite(pdu []byte) (message, error) {
	if len(pdu) < 7 {
		return m, fmt.Errorf("it has %d bytes, and the shortest has 7", len(pdu))
	}
	m.address, m.quantity = binary.BigEndian.Uint16(pdu[1:]), binary.BigEndian.Uint16(pdu[3:])
	if err := m.checkQuantity(); err != nil {
		return m, err
	}
	data, want := pdu[6:], 2*int(m.quantity)
	if ofBits(m.function) {
		want = (int(m.quantity) + 7) / 8
	}
	if int(pdu[5]) != want || len(data) != want {
		return m, fmt.Errorf("%d values have %d bytes, and there are %d of which it announces %d",
			m.quantity, want, len(data), pdu[5])
	}
	return m.withData(data, int(m.quantity))
}

// withData adds the values in data, of which there are bits when they are some.
func (m message) withData(data []byte, bits int) (message, error) {
	if ofBits(m.function) {
		m.bits = make([]bool, bits)
		for i := range m.bits {
			m.bits[i] = data[i/8]&(1<<(i%8)) != 0
		}
		return m, nil
	}
	if len(data)%2 != 0 {
		return m, fmt.Errorf("%d bytes are no registers, which have 2 each", len(data))
	}
	for i := 0; i < len(data); i += 2 {
		m.registers = append(m.registers, binary.BigEndian.Uint16(data[i:]))
	}
	return m, nil
}

// checkQuantity says what is wrong with the quantity, or with the addresses that it reaches (section 6, "Starting
// Address + Quantity").
func (m message) checkQuantity() error {
	if n := int(m.quantity); n < 1 || n > most(m.function) {
		return fmt.Errorf("the quantity is %d, and function %d takes 1 to %d", n, m.function, most(m.function))
	}
	if last := int(m.address) + int(m.quantity) - 1; last > 0xffff {
		return fmt.Errorf("the last address would be %d, and they end at 65535", last)
	}
	return nil
}
