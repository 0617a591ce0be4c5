package wire

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"strings"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// boxed lets encoding/gob name the type of a value: it does so for interfaces only, and only for types that were
// registered (https://pkg.go.dev/encoding/gob#Register).
type boxed struct{ V any }

// registered writes a value of a type that the programmer registered.
func (e *encoder) registered(v any) error {
	var b bytes.Buffer
	if err := guardGob(func() error { return gob.NewEncoder(&b).Encode(boxed{v}) }); err != nil {
		return fmt.Errorf("%w: %w", contract.ErrInvalid, err)
	}
	return e.bytes(fieldGob, b.Bytes())
}

// unmarshalGob reads a value of a registered type.
func unmarshalGob(b []byte) (any, error) {
	var box boxed
	if err := guardGob(func() error { return gob.NewDecoder(bytes.NewReader(b)).Decode(&box) }); err != nil {
		return nil, err
	}
	return box.V, nil
}

// guardGob gives the errors of gob in other words, and makes one of a panic in what a type brings along to write or
// read itself.
func guardGob(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a type in it panicked: %v", p)
		}
	}()
	err = do()
	if err == nil {
		return nil
	}
	// gob has no kinds of errors: "type not registered for interface: main.Cat" when it writes, and "name not registered
	// for interface: \"main.Cat\"" when it reads.
	if _, name, found := strings.Cut(err.Error(), "not registered for interface: "); found {
		return &unregisteredError{strings.Trim(name, `"`)}
	}
	return errors.New(err.Error()) // Its io.EOF is the end of these bytes, and not of the connection.
}

// unregisteredError says which type a program does not know.
type unregisteredError struct{ name string }

func (e *unregisteredError) Error() string {
	return fmt.Sprintf("the type %s is not registered; call plugin.Register with a value of it in both programs, in that "+
		"of the plugin and in that of its host", e.name)
}
