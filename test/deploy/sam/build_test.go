package sam

import (
	"context"
	"debug/elf"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/platform/lambda"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const (
	// buildTimeout bounds a build that compiles everything for a processor that it was never built for.
	buildTimeout = 20 * time.Minute
	patience     = 30 * time.Second
	// mostBytes bounds the deployment package, unpacked: what Lambda has to fetch before a cold start.
	mostBytes = 20 << 20
)

// samBuild does what sam build does with a function whose BuildMethod is makefile, and returns the directory of what is
// to be deployed: it copies CodeUri without .git to a directory of its own, and runs there the target that is called
// build- and the logical id, of the Makefile in ContextPath, which is a path from the template's directory.
// https://github.com/aws/aws-sam-cli/blob/develop/samcli/lib/build/app_builder.py and
// https://github.com/aws/aws-lambda-builders/blob/develop/aws_lambda_builders/workflows/custom_make/DESIGN.md
func samBuild(t *testing.T, s *stack) string {
	t.Helper()
	function := s.resources()["Podinfo"]
	metadata := function["Metadata"].(object)
	if metadata["BuildMethod"] != "makefile" {
		t.Fatalf("the function is built by %v", metadata["BuildMethod"])
	}
	makefile, err := filepath.Abs(filepath.Join(directory, metadata["ContextPath"].(string), "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	scratch, artifacts := t.TempDir(), t.TempDir()
	copySource(t, filepath.Join(directory, function["Properties"].(object)["CodeUri"].(string)), scratch)

	ctx, cancel := context.WithTimeout(t.Context(), buildTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, testkit.Need(t, "make"), "--makefile", makefile, "build-Podinfo")
	cmd.Dir = scratch
	cmd.Env = append(os.Environ(), "ARTIFACTS_DIR="+artifacts)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return artifacts
}

// copySource copies the files that belong to the repository; what else lies about is not what is under test.
func copySource(t *testing.T, from, to string) {
	t.Helper()
	list := exec.CommandContext(t.Context(), testkit.Need(t, "git"),
		"ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	list.Dir = from
	out, err := list.Output()
	if err != nil {
		t.Fatalf("%s: %v", list, err)
	}
	for file := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join(from, file))
		if os.IsNotExist(err) {
			continue // deleted, and not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		target := filepath.Join(to, file)
		if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBuild builds for every architecture that the template offers, and runs what this machine can.
func TestBuild(t *testing.T) {
	t.Parallel()
	machines := map[string]struct {
		elf  elf.Machine
		here bool
	}{
		"arm64":  {elf.EM_AARCH64, runtime.GOARCH == "arm64"},
		"x86_64": {elf.EM_X86_64, runtime.GOARCH == "amd64"},
	}
	offered := read(t)["Parameters"].(object)["Architecture"].(object)["AllowedValues"].([]any)
	if len(offered) != len(machines) {
		t.Errorf("the template offers %v, and this test knows %d architectures", offered, len(machines))
	}
	for _, architecture := range offered {
		architecture := architecture.(string)
		t.Run(architecture, func(t *testing.T) {
			t.Parallel()
			s := create(t, "Architecture="+architecture)
			if got := s.properties("Podinfo")["Architectures"].([]any); !slices.Equal(got, []any{architecture}) {
				t.Errorf("the function runs on %v", got)
			}
			artifacts := samBuild(t, s)
			wantPackage(t, artifacts, machines[architecture].elf)
			if machines[architecture].here && runtime.GOOS == "linux" {
				serves(t, filepath.Join(artifacts, "bootstrap"))
			}
		})
	}
}

// wantPackage holds what is to be deployed against what the runtime provided.al2023 starts.
func wantPackage(t *testing.T, artifacts string, machine elf.Machine) {
	t.Helper()
	entries, err := os.ReadDir(artifacts)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != "bootstrap" {
		t.Fatalf("the package holds %v, want bootstrap alone", entries)
	}
	about, err := entries[0].Info()
	if err != nil {
		t.Fatal(err)
	}
	if about.Mode().Perm()&0o111 != 0o111 || about.Size() > mostBytes {
		t.Errorf("bootstrap has the mode %s and %d bytes, want an executable of %d at most",
			about.Mode(), about.Size(), mostBytes)
	}
	t.Logf("bootstrap for %s has %d bytes", machine, about.Size())
	binary, err := elf.Open(filepath.Join(artifacts, "bootstrap"))
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close()
	if binary.Machine != machine {
		t.Errorf("bootstrap is for %s, want %s", binary.Machine, machine)
	}
	for _, segment := range binary.Progs {
		if segment.Type == elf.PT_INTERP {
			t.Error("bootstrap is linked dynamically, and nobody knows what the runtime has")
		}
	}
}

// serves runs the binary with the variables that the template gives it, behind each of its doors.
func serves(t *testing.T, binary string) {
	t.Helper()
	for _, door := range []struct {
		shape      lambda.Shape
		parameters []string
	}{
		{lambda.FunctionURLStream, nil},
		{lambda.FunctionURL, []string{"InvokeMode=BUFFERED"}},
		{lambda.HTTPAPI, nil},
		{lambda.HTTPAPI, []string{"EnableRestApi=true"}},
		{lambda.RESTAPI, []string{"EnableRestApi=true", "InvokeMode=BUFFERED"}},
		{lambda.ALBMultiValue, everything},
	} {
		t.Run(door.shape.Slug()+" "+strings.Join(door.parameters, " "), func(t *testing.T) {
			t.Parallel()
			s := create(t, door.parameters...)
			f := lambda.Start(t, binary, lambda.Options{Shape: door.shape, Env: s.environment()})
			wantAnswers(t, f, prefixOf(s, f))
		})
	}
}

// prefixOf is what the paths of the front door begin with. The URL of a REST API ends in it already.
func prefixOf(s *stack, f *lambda.Function) string {
	if s.parameters["EnableRestApi"] != "true" || f.Shape() == lambda.RESTAPI {
		return ""
	}
	return "/prod"
}

var revision = regexp.MustCompile(`"commit": "[0-9a-f]{40}"`)

func wantAnswers(t *testing.T, f *lambda.Function, prefix string) {
	t.Helper()
	url := f.URL() + prefix
	if got := testkit.Get(t, url+"/version"); got.Status != 200 || !revision.MatchString(got.Body) {
		t.Errorf("/version answers %d %s, want the commit that the repository is at", got.Status, got.Body)
	}
	if got := testkit.Get(t, url+"/api/info"); got.Status != 200 || !strings.Contains(got.Body, "greetings") {
		t.Errorf("/api/info answers %d %s, want podinfo's own greeting", got.Status, got.Body)
	}
	if got := testkit.Get(t, url+"/status/500"); got.Status != 500 {
		t.Errorf("/status/500 answers %d %s", got.Status, got.Body)
	}
	if counted := serverErrors(f.Stdout()); counted != 1 {
		t.Errorf("the metric filter of the template counts %d errors, want 1 in\n%s", counted, f.Stdout())
	}
}

// serverErrors counts the lines of a log that the filter pattern of ServerErrors matches, which TestFilterPattern holds
// against the template.
func serverErrors(log string) int {
	count := 0
	for line := range strings.Lines(log) {
		var entry struct {
			Requests float64 `json:"http_requests_total"`
			Status   string  `json:"status"`
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Requests == 1 && strings.HasPrefix(entry.Status, "5") {
			count++
		}
	}
	return count
}

func TestFilterPattern(t *testing.T) {
	t.Parallel()
	const want = `{ ($.http_requests_total = 1) && ($.status = "5*") }`
	if got := create(t).properties("ServerErrors")["FilterPattern"]; got != want {
		t.Errorf("the filter pattern is %v; serverErrors counts by %s", got, want)
	}
}

// TestEvents hands the function the sample events, as sam local invoke does.
func TestEvents(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		testkit.Lack(t, "Linux, to run what Lambda runs")
	}
	binary := testkit.Build(t, "targets/lambda")
	for _, test := range []struct {
		name       string
		shape      lambda.Shape
		parameters []string
	}{
		{"function-url", lambda.FunctionURL, []string{"InvokeMode=BUFFERED"}},
		{"function-url", lambda.FunctionURLStream, nil},
		{"http-api", lambda.HTTPAPI, nil},
		{"rest-api", lambda.RESTAPI, []string{"EnableRestApi=true", "InvokeMode=BUFFERED"}},
		{"rest-api", lambda.FunctionURLStream, []string{"EnableRestApi=true"}}, // a stream is invoked in one way only
		{"load-balancer", lambda.ALBMultiValue, nil},
	} {
		t.Run(test.name+" by "+test.shape.Slug(), func(t *testing.T) {
			t.Parallel()
			event, err := os.ReadFile(filepath.Join(directory, "events", test.name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			s := create(t, test.parameters...)
			f := lambda.Start(t, binary, lambda.Options{Shape: test.shape, Env: s.environment(), InitTimeout: patience})
			answer, err := f.Invoke(t.Context(), event)
			if err != nil {
				t.Fatal(err)
			}
			body := string(answer.Body)
			if answer.FunctionError != "" || !strings.Contains(body, `"statusCode":200`) ||
				!strings.Contains(body, "greetings") {
				t.Errorf("the event is answered %s %s", answer.FunctionError, body)
			}
			if streams := test.shape == lambda.FunctionURLStream; streams != (len(answer.Chunks) > 0) {
				t.Errorf("the answer comes in %d chunks", len(answer.Chunks))
			}
		})
	}
}
