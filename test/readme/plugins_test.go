package readme

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const pluginsDocument = "../../docs/plugins.md"

// block is a fenced part of a document.
type block struct{ language, text string }

var fenced = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

func blocks(t *testing.T, text string) []block {
	t.Helper()
	var list []block
	for _, found := range fenced.FindAllStringSubmatch(text, -1) {
		list = append(list, block{found[1], found[2]})
	}
	if len(list) == 0 {
		t.Fatal("the document shows no code: the test reads it wrongly")
	}
	return list
}

// pluginsText returns what docs/plugins.md says after a heading.
func pluginsText(t *testing.T, after string) string {
	t.Helper()
	data, err := os.ReadFile(pluginsDocument)
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(data), after)
	if !found {
		t.Fatalf("docs/plugins.md has no %q: the test reads it wrongly", after)
	}
	return text
}

// TestPluginTutorial does what docs/plugins.md tells newcomers, as it stands: it types the sh blocks into one shell,
// writes the go block to main.go, and holds what the shell prints against the text blocks.
func TestPluginTutorial(t *testing.T) {
	testkit.Need(t, "curl")
	tutorial, _, _ := strings.Cut(pluginsText(t, "\n## Your first plugin in five minutes\n"), "\n## ")
	s := openShell(t)
	printed := ""
	for _, b := range blocks(t, tutorial) {
		switch b.language {
		case "sh":
			printed = s.run(b.text)
		case "go":
			s.run("cat >main.go <<'END OF FILE'\n" + b.text + "END OF FILE\n")
		case "text":
			if plain(printed) != plain(b.text) {
				t.Fatalf("the tutorial promises\n%s\nbut its commands print\n%s", b.text, printed)
			}
		default:
			t.Fatalf("the tutorial has a block in %s, with which nothing is done", b.language)
		}
	}
}

// plain is what is printed without empty lines and with every command's output on lines of its own: curl ends none.
func plain(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' }), "\n")
}

// shell is a bash that remembers, from one run to the next, where it is and what it was told.
type shell struct {
	t      *testing.T
	input  io.Writer
	output *bufio.Reader
	log    func() string
}

// shellTimeout bounds all that a shell does. It builds a plugin three times, and waits for looks at a directory.
const shellTimeout = 10 * time.Minute

func openShell(t *testing.T) *shell {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), shellTimeout)
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail")
	cmd.Dir = "../.."
	temp := t.TempDir()
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what it leaves in the background ends with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		_ = cmd.Wait()
		cancel()
	})
	log := func() string {
		cancel()
		_ = cmd.Wait() // its stderr is complete then
		text := []string{stderr.String()}
		logs, _ := filepath.Glob(filepath.Join(temp, "*", "podinfo.log"))
		for _, file := range logs {
			content, _ := os.ReadFile(file)
			text = append(text, fmt.Sprintf("%s:\n%s", file, content))
		}
		return strings.Join(text, "\n")
	}
	return &shell{t, input, bufio.NewReader(output), log}
}

// run types text into the shell and returns what it prints to stdout.
func (s *shell) run(text string) string {
	s.t.Helper()
	const end = "--- the block has ended ---"
	// The newline is for output that ends without one; what reads no stdin must not read the next commands.
	if _, err := fmt.Fprintf(s.input, "{\n%s\n} </dev/null\nprintf '\\n%%s\\n' %q\n", separated(text), end); err != nil {
		s.t.Fatalf("%s\n%v\n%s", text, err, s.log())
	}
	var printed strings.Builder
	for {
		line, err := s.output.ReadString('\n')
		if strings.TrimSpace(line) == end {
			return printed.String()
		}
		printed.WriteString(line)
		if err != nil {
			s.t.Fatalf("the shell ended with what it printed last:\n%s\nin\n%s\n%s", printed.String(), text, s.log())
		}
	}
}

// separated ends what a curl prints with a newline, as a terminal's prompt would show it.
func separated(text string) string {
	return regexp.MustCompile(`(?m)^(curl .*)$`).ReplaceAllString(text, "$1\necho")
}

// TestPluginReferenceCompiles builds the plugins that the rest of docs/plugins.md shows.
func TestPluginReferenceCompiles(t *testing.T) {
	t.Parallel()
	built := 0
	for _, b := range blocks(t, pluginsText(t, "\n## Names\n")) {
		if b.language != "go" {
			continue
		}
		built++
		file := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(file, []byte(b.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s\n%s", err, out, b.text)
		}
	}
	if built < 2 {
		t.Fatalf("docs/plugins.md shows %d plugins only: the test reads it wrongly", built)
	}
}

// TestPluginThatUsesTheCacheCounts runs the plugin of docs/plugins.md that counts in the cache, in a podinfo that has
// one by the setting that the document names for it.
func TestPluginThatUsesTheCacheCounts(t *testing.T) {
	t.Parallel()
	text := pluginsText(t, "This one counts")
	setting := regexp.MustCompile("`(--cache-server=[^`]+)`").FindStringSubmatch(text)
	if setting == nil {
		t.Fatal("docs/plugins.md does not tell that the plugin needs a cache")
	}
	source, plugins := filepath.Join(t.TempDir(), "main.go"), t.TempDir()
	if err := os.WriteFile(source, []byte(blocks(t, text)[0].text), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(plugins, "protocol-grpc-counter"), source)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	podinfo := testkit.StartPodinfo(t, "--plugins-path="+plugins, setting[1])
	testkit.Eventually(t, time.Minute, "the plugin to be ready", func() bool {
		return strings.Contains(testkit.Get(t, podinfo.URL+"/plugins/counter").Body, `"ready"`)
	})
	podcli := testkit.Build(t, "podcli")
	for _, want := range []string{"1", "2"} {
		call := exec.CommandContext(t.Context(), podcli, "plugin", "encode", "counter", podinfo.URL, "--data=x")
		if out, err := call.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("the plugin answers %s, %v; want %s", out, err, want)
		}
	}
}

var flagName = regexp.MustCompile(`--plugins?-[a-z-]+`)

// TestPluginFlagsAreDocumented compares the flags that docs/plugins.md names with those that podinfo has.
func TestPluginFlagsAreDocumented(t *testing.T) {
	t.Parallel()
	help, err := exec.CommandContext(t.Context(), testkit.Build(t, "targets/k8s"), "--help").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	there := flagName.FindAllString(string(help), -1)
	told := flagName.FindAllString(pluginsText(t, "# Plugins\n"), -1)
	for _, flag := range told {
		if !slices.Contains(there, flag) {
			t.Errorf("docs/plugins.md tells of %s, which podinfo does not have", flag)
		}
	}
	for _, flag := range there {
		if !slices.Contains(told, flag) {
			t.Errorf("docs/plugins.md does not tell of %s", flag)
		}
	}
}

// TestPluginStatesAreDocumented looks for every state of a plugin in the table of docs/plugins.md.
func TestPluginStatesAreDocumented(t *testing.T) {
	t.Parallel()
	section := pluginsText(t, "\n## States\n")
	for _, state := range []contract.State{contract.Discovered, contract.Staged, contract.Starting, contract.Ready,
		contract.Reloading, contract.Draining, contract.Stopped, contract.Crashed, contract.Backoff, contract.Failed} {
		if !regexp.MustCompile(`(?m)^\| [a-z, ]*\b` + string(state) + `\b`).MatchString(section) {
			t.Errorf("docs/plugins.md does not tell what the state %s is", state)
		}
	}
}
