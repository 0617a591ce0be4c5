package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// maxLine bounds a line of piped input, in bytes.
const maxLine = 1 << 20

// console is where lines come from and go to. print may be called while readLine waits.
type console interface {
	readLine() (string, error) // io.EOF at the end
	print(line string) error
	linger() time.Duration // how long replies are still wanted after the end of the input
	close()
}

// openConsole returns a line editor with a prompt when both ends are a terminal, and plain lines otherwise. wait is how
// long replies to plain lines are still wanted after the last one.
func openConsole(stdin io.Reader, stdout io.Writer, wait time.Duration) (console, error) {
	in, inIsFile := stdin.(*os.File)
	out, outIsFile := stdout.(*os.File)
	if inIsFile && outIsFile && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd())) {
		return openTerminal(in, out)
	}
	scanner := bufio.NewScanner(stdin)
	scanner.Buffer(nil, maxLine)
	return &plainConsole{in: scanner, out: stdout, wait: wait}, nil
}

type plainConsole struct {
	in   *bufio.Scanner
	out  io.Writer
	wait time.Duration
}

func (c *plainConsole) readLine() (string, error) {
	if c.in.Scan() {
		return c.in.Text(), nil
	}
	if errors.Is(c.in.Err(), bufio.ErrTooLong) {
		return "", fmt.Errorf("a line is longer than %d bytes", maxLine)
	}
	if c.in.Err() != nil {
		return "", c.in.Err()
	}
	return "", io.EOF
}

func (c *plainConsole) print(line string) error {
	_, err := fmt.Fprintln(c.out, line)
	return err
}

func (c *plainConsole) linger() time.Duration { return c.wait }

func (c *plainConsole) close() {}

// terminalConsole edits lines itself, so that a reply that arrives while somebody types does not tear the line apart.
type terminalConsole struct {
	editor  *term.Terminal
	in, out *os.File
	before  *term.State
}

func openTerminal(in, out *os.File) (*terminalConsole, error) {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("cannot set up the terminal: %w", err)
	}
	editor := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, out}, "> ")
	if width, height, err := term.GetSize(int(out.Fd())); err == nil && width > 0 {
		_ = editor.SetSize(width, height) // fails with its own write only, and then so does the next one
	}
	return &terminalConsole{editor: editor, in: in, out: out, before: before}, nil
}

func (c *terminalConsole) readLine() (string, error) { return c.editor.ReadLine() }

// print shows the line in green.
func (c *terminalConsole) print(line string) error {
	colour := c.editor.Escape
	_, err := fmt.Fprintf(c.editor, "%s%s%s\n", colour.Green, line, colour.Reset)
	return err
}

// linger is 0: who ends the input by hand has seen what there was to see.
func (c *terminalConsole) linger() time.Duration { return 0 }

// close gives the terminal back as it was and leaves the line of the prompt.
func (c *terminalConsole) close() {
	_ = term.Restore(int(c.in.Fd()), c.before) // nobody is left to hear of it
	fmt.Fprintln(c.out)
}
