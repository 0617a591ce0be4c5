package main

import (
	"math"

	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
)

// cost counts the data items of well-formed CBOR, those within others and the ends of indefinite lengths too.
func cost(data []byte) int {
	n := 0
	for len(data) > 0 {
		n++
		if headOf(data).becomesObject() {
			n += notation.ObjectCost - 1
		}
		data = data[itemSize(data):]
	}
	return n
}

// The parts of the first byte of a data item (RFC 8949 §3).
const (
	majorNegative = 1
	majorBytes    = 2 // byte strings
	majorText     = 3 // text strings
	majorArray    = 4
	majorMap      = 5
	majorTag      = 6
	majorSimple   = 7 // floating-point numbers too

	infoFalse      = 20 // of a simple value: the first that has a name
	infoByte       = 24 // the argument is in the next byte, or in the next 2, 4 or 8 with 25, 26 and 27
	infoHalf       = 25 // of floating-point numbers, by their size
	infoSingle     = 26
	infoLast       = 27
	infoIndefinite = 31

	breakByte = 0xff // ends an indefinite length
)

// head is how a data item begins.
type head struct {
	major, info byte
	argument    uint64 // a length, a number of elements or pairs, or a tag's number
	size        int    // bytes
}

// headOf returns the head of the first data item of data, which is well-formed.
func headOf(data []byte) head {
	h := head{major: data[0] >> 5, info: data[0] & 0x1f, size: 1}
	h.argument = uint64(h.info)
	if h.info >= infoByte && h.info <= infoLast {
		h.size += 1 << (h.info - infoByte)
		h.argument = 0
		for _, b := range data[1:h.size] {
			h.argument = h.argument<<8 | uint64(b)
		}
	}
	return h
}

// becomesObject tells whether the item is one that JSON has only as an object: a map, or what needs a form. Bytes need
// one when they are a key.
func (h head) becomesObject() bool {
	switch h.major {
	case majorBytes, majorMap, majorTag:
		return true
	case majorNegative:
		return h.argument > math.MaxInt64
	case majorSimple:
		return h.info < infoFalse || h.info == infoByte || h.isNoNumber()
	}
	return false
}

// isNoNumber tells whether a floating-point number is infinite or NaN: all bits of its exponent are set.
func (h head) isNoNumber() bool {
	var exponent uint64
	switch h.info {
	case infoHalf:
		exponent = 0x1f << 10
	case infoSingle:
		exponent = 0xff << 23
	case infoLast:
		exponent = 0x7ff << 52
	default:
		return false
	}
	return h.argument&exponent == exponent
}

// itemSize returns how many bytes the first data item has itself, without what lies within it.
func itemSize(data []byte) int {
	h := headOf(data)
	if (h.major == majorBytes || h.major == majorText) && h.info != infoIndefinite {
		return h.size + int(h.argument) //nolint:gosec // well-formed: data is at least as long
	}
	return h.size
}

// The numbers of tags that this plugin knows what they mean (RFC 8949 §3.4).
const (
	tagText     = 0 // a time as text
	tagSeconds  = 1 // a time as seconds after 1970
	tagNegative = 3 // -1 minus the whole number that the bytes are; tag 2 is the number itself

	tagSelfDescribed = 55799 // nothing but that this is CBOR (§3.4.6)
)
