package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"
)

// A terminal obeys some bytes instead of showing them, and a plugin answers any.
func TestPluginResultOnATerminal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		result string
		args   []string
		code   int
		shown  string // with the end of line that a terminal makes
		stderr string
	}{
		{"text", "é: 1\n\tb", []string{"decode", "x"}, 0, "é: 1\r\n\tb\r\n", ""},
		{"text with an end", "{\n}\n", []string{"decode", "x"}, 0, "{\r\n}\r\n", ""},
		{"binary", "\x00\xff", []string{"encode", "x"}, 1, "",
			"Error: the result is not text, and a terminal would obey some of it; use --output FILE, a pipe, or --force\n"},
		{"text that moves the cursor", "a\x1b[2Jb", []string{"decode", "x"}, 1, "", "Error: the result is not text"},
		{"binary, forced", "a\xffb", []string{"encode", "x", "--force"}, 0, "a\xffb", ""},
		{"a list in JSON", `[{"name": "` + "\u009b" + `2J"}]`, []string{"list", "-o", "json"}, 0,
			`[{"name": "\u009b2J"}]` + "\r\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url, _ := standIn(t, says(200, c.result))
			person, program := openPTY(t)
			cmd := process(t, append(append([]string{"plugin"}, c.args...), url)...)
			var stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = program, &stderr
			var view screen
			var reader sync.WaitGroup
			reader.Go(func() { copyUntilClosed(&view, person) })
			_ = cmd.Run() // the status is looked at below
			program.Close()
			reader.Wait()
			if code := cmd.ProcessState.ExitCode(); code != c.code {
				t.Errorf("exit status %d, want %d", code, c.code)
			}
			if got := view.shown.String(); got != c.shown {
				t.Errorf("the terminal shows %q, want %q", got, c.shown)
			}
			if got := stderr.String(); !strings.HasPrefix(got, c.stderr) || c.stderr == "" && got != "" {
				t.Errorf("stderr is %q, want %q", got, c.stderr)
			}
		})
	}
}
