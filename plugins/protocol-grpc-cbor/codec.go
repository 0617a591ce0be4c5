package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/fxamacker/cbor/v2"

	"github.com/podinfo-targets/podinfo/plugins/internal/notation"
)

// codec turns values into CBOR and back. It is used concurrently.
type codec struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

// newCodec fails when the options contradict each other.
func newCodec() (codec, error) {
	encoding := cbor.CoreDetEncOptions()              // RFC 8949 §4.2.1
	encoding.NilContainers = cbor.NilContainerAsEmpty // no bytes are bytes
	enc, err := encoding.EncMode()
	if err != nil {
		return codec{}, err
	}
	dec, err := cbor.DecOptions{
		IntDec:           cbor.IntDecConvertSignedOrBigInt,
		MaxNestedLevels:  notation.MaxDepth,
		MaxArrayElements: notation.MaxItems,
		MaxMapPairs:      notation.MaxItems,
	}.DecMode()
	return codec{enc, dec}, err
}

// forms are what CBOR has and JSON lacks, beside what package notation describes: whole numbers beyond 64 bits, tags
// (RFC 8949 §3.4) and simple values (§3.3).
func forms() map[string][]string {
	return map[string][]string{
		"$bytes": nil, "$float": nil, "$int": nil, "$map": nil, "$simple": nil, "$tag": {"$value"}, "$time": nil,
	}
}

// check says what is wrong with data that is not one data item within the bounds.
func (c codec) check(data []byte) error {
	if err := c.dec.Wellformed(data); err != nil {
		return explained(err)
	}
	if cost(data) > notation.MaxItems {
		return fmt.Errorf("%w; a map, a tag and what JSON lacks count as %d each", notation.ErrTooMany, notation.ObjectCost)
	}
	return nil
}

// explained says what is wrong with data that is not CBOR.
func explained(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("there are no bytes; the shortest CBOR has one")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the bytes end in the middle of a CBOR data item")
	}
	if _, ok := errors.AsType[*cbor.MaxNestedLevelError](err); ok {
		return notation.ErrTooDeep
	}
	return fmt.Errorf("this is not one valid CBOR data item: %w", err)
}
