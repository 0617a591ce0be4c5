package wire

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// writeTimeout is how long a plugin may take to read a part of a call before the connection counts as lost.
const writeTimeout = 10 * time.Second

// boundError says what the plugin sent that it must not.
type boundError struct{ error }

// boundedConn is a connection of which only gob messages up to a limit are read. encoding/gob itself would take up to
// eight gibibytes for one, and any number of definitions of types.
type boundedConn struct {
	net.Conn
	frames frames

	gone  chan struct{} // is closed when the connection is of no use any more
	once  sync.Once
	cause error // of that
}

func newBoundedConn(c net.Conn, limit uint64) *boundedConn {
	return &boundedConn{Conn: c, frames: frames{limit: limit}, gone: make(chan struct{})}
}

func (c *boundedConn) Read(p []byte) (int, error) {
	if err := c.failed(); err != nil { // a stream of yamux can be read even after it was closed on this side
		return 0, err
	}
	n, err := c.Conn.Read(p)
	good, bad := c.frames.check(p[:n])
	if bad != nil {
		err = &boundError{bad}
	}
	if err != nil {
		c.fail(err)
	}
	if good > 0 || err == nil { // what came before an error tells whose answer it is
		return good, nil
	}
	return 0, c.cause
}

func (c *boundedConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		c.fail(err)
		return 0, c.cause
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		c.fail(err)
		return n, c.cause
	}
	return n, nil
}

// Close ends the connection.
func (c *boundedConn) Close() error {
	c.fail(net.ErrClosed)
	return nil
}

// failed is why the connection has ended, or nil.
func (c *boundedConn) failed() error {
	select {
	case <-c.gone:
		return c.cause
	default:
		return nil
	}
}

// fail ends the connection for the reason err, unless it has ended already.
func (c *boundedConn) fail(err error) {
	c.once.Do(func() {
		c.cause = err
		close(c.gone)
		_ = c.Conn.Close()
	})
}

const (
	// maxDefinitions bounds the definitions of types in a stream, and maxDefinition each of them in bytes. Those of
	// net/rpc and of this package take less than ten.
	maxDefinitions = 64
	maxDefinition  = 4 << 10
)

var (
	errGob         = errors.New("the plugin's answer is not what encoding/gob writes")
	errDefinitions = fmt.Errorf("the plugin's answer defines more than %d types, or one in more than %d bytes",
		maxDefinitions, maxDefinition)
)

// frames checks a stream of gob messages, of which it sees each byte once. A message is its length, the number of its
// type, which is negative when it defines one, and the rest (https://pkg.go.dev/encoding/gob#hdr-Encoding_Details).
type frames struct {
	limit       uint64
	definitions int

	reading phase
	number  gobUint
	left    uint64 // of the message
}

// phase is which part of a message comes next.
type phase int

const (
	length phase = iota
	typeID
	rest
)

// check takes what was read next, and returns how much of that is good. It fails when the stream must not be read on.
func (f *frames) check(b []byte) (good int, err error) {
	for good < len(b) {
		if f.reading == rest {
			n := min(f.left, uint64(len(b)-good))
			good += int(n) //nolint:gosec // not above len(b)
			if f.left -= n; f.left == 0 {
				f.reading = length
			}
			continue
		}
		if err := f.byte(b[good]); err != nil {
			return good, err
		}
		good++
	}
	return good, nil
}

// byte takes the next byte of the length or of the type's number.
func (f *frames) byte(b byte) error {
	if f.reading == typeID {
		if f.left == 0 {
			return errGob
		}
		f.left--
	}
	complete, err := f.number.add(b)
	if err != nil || !complete {
		return err
	}
	value := f.number.value
	f.number = gobUint{}
	if f.reading == typeID {
		return f.typed(value&1 != 0)
	}
	if value > f.limit {
		return fmt.Errorf("the plugin's answer has %d bytes, more than the %d that may be", value, f.limit)
	}
	f.left, f.reading = value, typeID
	return nil
}

// typed begins the rest of a message.
func (f *frames) typed(definition bool) error {
	if definition {
		if f.definitions++; f.definitions > maxDefinitions || f.left > maxDefinition {
			return errDefinitions
		}
	}
	f.reading = rest
	if f.left == 0 {
		f.reading = length
	}
	return nil
}

// gobUint is an unsigned integer as gob writes it: up to 127 as one byte, else as the negated number of bytes that
// follow.
type gobUint struct {
	value uint64
	left  int
}

// add takes the next byte and reports whether it is the last.
func (u *gobUint) add(b byte) (complete bool, err error) {
	if u.left > 0 {
		u.value = u.value<<8 | uint64(b)
		u.left--
		return u.left == 0, nil
	}
	if b < 0x80 {
		u.value = uint64(b)
		return true, nil
	}
	if u.left = 0x100 - int(b); u.left > 8 {
		return false, errGob
	}
	return false, nil
}
