package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Guard returns the connection to a plugin over net/rpc, for go-plugin to use. It passes on what the plugin may send
// and ends at the first thing that it may not, of which it tells refused, once.
//
// go-plugin and yamux leave three things unbounded there: the answers on go-plugin's own streams, the streams that the
// plugin opens, each of which keeps a goroutine though nothing of this package ever accepts one, and what yamux does
// and logs about frames out of turn.
func Guard(conn net.Conn, refused func(error)) net.Conn {
	return &guarded{Conn: conn, refused: refused, mux: newMux(time.Now)}
}

// guarded has one reader, which is yamux.
type guarded struct {
	net.Conn
	refused func(error)
	mux     mux
	ended   bool
}

func (g *guarded) Read(p []byte) (int, error) {
	if g.ended {
		return 0, g.mux.end()
	}
	n, err := g.Conn.Read(p)
	good, bad := g.mux.check(p[:n])
	if bad != nil {
		g.ended = true
		g.refused(bad)
	}
	if bad != nil || err != nil {
		return good, g.mux.end()
	}
	return n, nil
}

// The streams of a connection in the order in which go-plugin and this package open them, by their numbers in yamux:
// those of go-plugin's calls, of the plugin's stdout and stderr, of the question where it serves and of its calls.
const (
	controlStream   = 1
	dispensedStream = 7
	lastStream      = 9
)

const (
	// maxControl bounds an answer on go-plugin's own streams in bytes. They are numbers and errors.
	maxControl = 64 << 10
	// brokerID is how many bytes the broker of go-plugin sends at the start of a stream.
	brokerID = 4
	// maxPings is how often a plugin may ask within a second whether its host is there, of which each takes a goroutine
	// until the plugin reads the answer, or for ten seconds. yamux itself does so twice a minute.
	maxPings = 100
)

// The parts of a frame's header that matter here: https://github.com/hashicorp/yamux/blob/master/spec.md.
const (
	frameHeader = 12

	frameData   = 0
	framePing   = 2
	frameGoAway = 3

	flagSYN = 1 << 0
	flagACK = 1 << 1
	flagFIN = 1 << 2
	flagRST = 1 << 3
)

var (
	errFrame = errors.New("what the plugin sent is no frame of yamux")
	errPings = fmt.Errorf("the plugin sent more than %d pings within a second", maxPings)
)

// mux checks what a plugin sends over yamux, of which it sees each byte once.
type mux struct {
	streams [(lastStream + 1) / 2]muxStream
	now     func() time.Time
	pings   int       // since second
	second  time.Time // when a second of pings began

	header [frameHeader]byte
	have   int        // bytes of header
	left   uint32     // bytes of data to come
	stream *muxStream // of that data
}

// muxStream is what has come of a stream.
type muxStream struct {
	established, ended bool
	skip               uint32  // bytes before the answers
	answers            *frames // nil where they are checked elsewhere, or are none
}

func newMux(now func() time.Time) mux {
	m := mux{now: now}
	m.streams[controlStream/2].answers = &frames{limit: maxControl}
	m.streams[dispensedStream/2] = muxStream{skip: brokerID, answers: &frames{limit: maxControl}}
	return m
}

// check takes what was read next, and returns how much of that is good. It fails when the connection must not be read
// on. The last byte of a header is not good before the frame is.
func (m *mux) check(b []byte) (good int, err error) {
	for good < len(b) {
		if m.left > 0 {
			n, err := m.stream.check(b[good:min(uint64(len(b)), uint64(good)+uint64(m.left))])
			m.left -= uint32(n) //nolint:gosec // not above left
			good += n
			if err != nil {
				return good, err
			}
			continue
		}
		n := copy(m.header[m.have:], b[good:])
		good += n
		if m.have += n; m.have == frameHeader {
			m.have = 0
			if err := m.frame(); err != nil {
				return good - 1, err
			}
		}
	}
	return good, nil
}

// end is the error with which yamux is told that there is no more. It writes others to our standard error: within the
// data of a frame each but the end of file, and within a header the end of file.
func (m *mux) end() error {
	if m.left > 0 {
		return io.EOF
	}
	return net.ErrClosed
}

// frame takes a header.
func (m *mux) frame() error {
	version, kind := m.header[0], m.header[1]
	flags := binary.BigEndian.Uint16(m.header[2:])
	id := binary.BigEndian.Uint32(m.header[4:])
	switch {
	case version != 0 || kind > frameGoAway:
		return errFrame
	case kind == framePing && flags&flagSYN != 0:
		return m.ping()
	case kind == framePing || kind == frameGoAway:
		return nil
	case flags&flagSYN != 0:
		return errors.New("the plugin opened a stream, which only its host may")
	case id%2 == 0 || id > lastStream:
		return fmt.Errorf("the plugin sent a frame of the stream %d, which nobody opened", id)
	}
	m.stream = &m.streams[id/2]
	if err := m.stream.turn(flags); err != nil {
		return fmt.Errorf("the plugin sent a frame of the stream %d %w", id, err)
	}
	if kind == frameData {
		m.left = binary.BigEndian.Uint32(m.header[8:])
	}
	return nil
}

// ping takes a question whether the host is there.
func (m *mux) ping() error {
	if now := m.now(); now.Sub(m.second) >= time.Second {
		m.second, m.pings = now, 0
	}
	if m.pings++; m.pings > maxPings {
		return errPings
	}
	return nil
}

// turn takes the flags of a frame. yamux writes to our standard error when they are out of turn, however often.
func (s *muxStream) turn(flags uint16) error {
	if s.ended {
		return errors.New("after its end")
	}
	if flags&flagACK != 0 {
		if s.established {
			return errors.New("that establishes it once more")
		}
		s.established = true
	}
	s.ended = flags&(flagFIN|flagRST) != 0
	return nil
}

// check is as that of mux, for the data of one stream.
func (s *muxStream) check(b []byte) (good int, err error) {
	if s.answers == nil {
		return len(b), nil
	}
	skipped := min(int(s.skip), len(b))
	s.skip -= uint32(skipped) //nolint:gosec // not above skip
	good, err = s.answers.check(b[skipped:])
	return skipped + good, err
}
