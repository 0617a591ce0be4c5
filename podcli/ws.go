package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
	"github.com/spf13/cobra"
)

// maxMessage bounds the memory that one message from the server can take, in bytes.
const maxMessage = 16 << 20

// errServerClosed ends a dialogue that the server has ended in an orderly way.
var errServerClosed = errors.New("the server closed the connection")

func newWS() *cobra.Command {
	var options wsOptions
	cmd := &cobra.Command{
		Use:   "ws ADDRESS",
		Short: "Talk to a websocket server, one message per line",
		Long: "Talk to a websocket server, one message per line. Without a scheme the address is taken for ws://.\n" +
			"What the server sends is printed after \"< \", binary messages in hexadecimal. On a terminal, Ctrl-D or\n" +
			"Ctrl-C ends the dialogue. Otherwise the lines of standard input are sent, and once it has ended replies\n" +
			"are printed for as long as --wait says.",
		Example: "  podcli ws localhost:9898/ws/echo\n" +
			"  echo hello | podcli ws wss://podinfo.example.com/ws/echo",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := parseURL(args[0], "ws", "wss")
			if err != nil {
				return err
			}
			if err := validTimeout(options.timeout); err != nil {
				return err
			}
			options.origin = cmp.Or(options.origin, originOf(target))
			return talk(cmd, target, options)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&options.origin, "origin", "o", "", "value of the Origin header (default: from the address)")
	flags.DurationVar(&options.timeout, "timeout", 5*time.Second, "bound on connecting and on sending a message")
	flags.DurationVar(&options.wait, "wait", time.Second, "how long to print replies after the end of piped input")
	return cmd
}

type wsOptions struct {
	origin  string
	timeout time.Duration
	wait    time.Duration
}

// originOf returns the origin of a page that the websocket server itself would serve.
func originOf(target *url.URL) string {
	if target.Scheme == "wss" {
		return "https://" + target.Host
	}
	return "http://" + target.Host
}

// talk connects to target and carries lines and messages to and fro until either side ends.
func talk(cmd *cobra.Command, target *url.URL, options wsOptions) error {
	// A signal must not leave the terminal in raw mode.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, hangUp := context.WithCancelCause(ctx)
	defer hangUp(nil)
	late := time.AfterFunc(options.timeout, func() {
		hangUp(fmt.Errorf("no answer within %s; see --timeout", options.timeout))
	})
	conn, err := dialWebsocket(ctx, target, options.origin)
	late.Stop()
	if err != nil {
		return fmt.Errorf("cannot connect to %s: %w", target.Redacted(), causeOr(ctx, err))
	}
	conn.SetReadLimit(maxMessage)

	terminal, err := openConsole(cmd.InOrStdin(), cmd.OutOrStdout(), options.wait)
	if err != nil {
		return err
	}
	d := dialogue{conn: conn, console: terminal, timeout: options.timeout}
	err = d.run(ctx)
	terminal.close()
	if errors.Is(err, errServerClosed) {
		fmt.Fprintln(cmd.ErrOrStderr(), err)
		return nil
	}
	return causeOr(ctx, err)
}

// causeOr returns why ctx has ended, for an error that is but a consequence, and err otherwise.
func causeOr(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// dialogue is a connected websocket and the person, or script, at our end of it.
type dialogue struct {
	conn    *websocket.Conn
	console console
	timeout time.Duration // bound on sending a message
}

// run ends when the input has ended and its replies had their time, when the connection ends, or with ctx.
//
// It cannot wait for its two goroutines in every case: a read of standard input and a write to a paused terminal cannot
// be interrupted. They own nothing but that, and end with the read or write, at the latest with the process.
func (d *dialogue) run(ctx context.Context) error {
	lines, inputEnded := make(chan string), make(chan error, 1)
	go func() { inputEnded <- d.readLines(ctx, lines) }()
	connEnded := make(chan error, 1)
	go func() { connEnded <- d.receive() }()

	var silence <-chan time.Time
	for {
		select {
		case line := <-lines:
			if err := d.send(line); err != nil {
				return reason(connEnded, fmt.Errorf("cannot send: %w", err))
			}
		case err := <-inputEnded:
			if err != nil {
				return fmt.Errorf("cannot read the input: %w", err)
			}
			silence = time.After(d.console.linger())
		case <-silence:
			if sayGoodbye(d.conn) == nil {
				_ = reason(connEnded, nil) // whatever the server says now, we are done
			}
			return nil
		case err := <-connEnded:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// reason returns why the connection ended or, when that is not known after a moment, err.
func reason(connEnded <-chan error, err error) error {
	select {
	case why := <-connEnded:
		return why
	case <-time.After(closeTimeout):
		return err
	}
}

// readLines hands the lines of the input to lines until the input or ctx ends.
func (d *dialogue) readLines(ctx context.Context, lines chan<- string) error {
	for {
		line, err := d.console.readLine()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case lines <- line:
		case <-ctx.Done():
			return nil
		}
	}
}

// send sends the line as text. A line that is not UTF-8 goes as binary: RFC 6455 §8.1 has the server end the
// connection over such a text.
func (d *dialogue) send(line string) error {
	kind := websocket.TextMessage
	if !utf8.ValidString(line) {
		kind = websocket.BinaryMessage
	}
	if err := d.conn.SetWriteDeadline(time.Now().Add(d.timeout)); err != nil {
		return err
	}
	return d.conn.WriteMessage(kind, []byte(line))
}

// receive prints messages until the connection ends, and returns why it did.
func (d *dialogue) receive() error {
	for {
		kind, message, err := d.conn.ReadMessage()
		if websocket.IsCloseError(err,
			websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseNoStatusReceived) {
			return errServerClosed
		}
		if err != nil {
			return err
		}
		for _, line := range messageLines(kind, message) {
			if err := d.console.print("< " + line); err != nil {
				return err
			}
		}
	}
}

// messageLines returns a message as lines that are safe to show.
func messageLines(kind int, message []byte) []string {
	if kind == websocket.BinaryMessage {
		return []string{hex.EncodeToString(message)}
	}
	lines := strings.Split(strings.TrimSuffix(string(message), "\n"), "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return lines
}
