package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sys/unix"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// openPTY returns the two ends of a pseudo terminal: what a person types and sees, and what a program reads and writes.
func openPTY(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("SKIPPED %s: needs pseudo terminals: %v", t.Name(), err)
	}
	t.Cleanup(func() { person.Close() })
	raw, err := person.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number int
	var ioctlErr error
	if err := raw.Control(func(fd uintptr) {
		if ioctlErr = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); ioctlErr == nil {
			number, ioctlErr = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	}); err != nil || ioctlErr != nil {
		t.Fatal(errors.Join(err, ioctlErr))
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

// screen collects what a program shows.
type screen struct {
	mutex sync.Mutex
	shown bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.shown.Write(p)
}

func (s *screen) shows(text string) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return bytes.Contains(s.shown.Bytes(), []byte(text))
}

func TestWSOnATerminal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		end  func(t *testing.T, person *os.File, podcli *os.Process)
		code int
	}{
		{"Ctrl-D", func(t *testing.T, person *os.File, _ *os.Process) { typeKeys(t, person, "\x04") }, 0},
		{"Ctrl-C", func(t *testing.T, person *os.File, _ *os.Process) { typeKeys(t, person, "\x03") }, 0},
		{"SIGTERM", func(t *testing.T, _ *os.File, podcli *os.Process) {
			if err := podcli.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			handler := echoHandler(t)
			if test.code != 0 {
				handler = rudeEchoHandler(t)
			}
			person, program := openPTY(t)
			before, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
			if err != nil {
				t.Fatal(err)
			}
			cmd := process(t, "ws", websocketServer(t, handler))
			cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var view screen
			var reader sync.WaitGroup
			reader.Go(func() { copyUntilClosed(&view, person) })

			testkit.Eventually(t, 10*time.Second, "the prompt", func() bool { return view.shows("> ") })
			typeKeys(t, person, "helo\x1b[Dl\r") // a cursor key mends the typo: the line is edited here
			testkit.Eventually(t, 10*time.Second, "the echo in green",
				func() bool { return view.shows("\x1b[32m< hello\x1b[0m\r\n") })
			test.end(t, person, cmd.Process)
			_ = cmd.Wait() // the status is looked at below
			if code := cmd.ProcessState.ExitCode(); code != test.code {
				t.Errorf("exit status %d (%s), want %d", code, cmd.ProcessState, test.code)
			}
			after, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
			if err != nil {
				t.Fatal(err)
			}
			if *after != *before {
				t.Error("the terminal is not as it was")
			}
			program.Close()
			reader.Wait()
		})
	}
}

// copyUntilClosed ends with the error that a pseudo terminal gives once nobody holds its other end.
func copyUntilClosed(w io.Writer, person *os.File) { _, _ = io.Copy(w, person) }

// rudeEchoHandler echoes one message and does not mind how the client leaves.
func rudeEchoHandler(t *testing.T) http.Handler {
	return scriptHandler(t, func(conn *websocket.Conn, _ *http.Request) {
		kind, message, err := conn.ReadMessage()
		if err != nil {
			t.Errorf("read: %v", err)
			return
		}
		sendAll(t, conn, kind, string(message))
		_, _, _ = conn.ReadMessage()
	})
}

func typeKeys(t *testing.T, person *os.File, keys string) {
	t.Helper()
	if _, err := person.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}
