package cloudfunctions_test

import (
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	platform "github.com/podinfo-targets/podinfo/test/platform/cloudfunctions"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const (
	root   = "../.."
	module = "github.com/podinfo-targets/podinfo"

	frameworkFunctions = "github.com/GoogleCloudPlatform/functions-framework-go/functions"
)

// uploaded returns the files that a deployment uploads, in order. Git reads .gcloudignore, which is written as its own
// ignore files are: to an empty repository every file is new, and those that are not ignored are listed.
func uploaded(t *testing.T) []string {
	t.Helper()
	empty := filepath.Join(t.TempDir(), "empty.git")
	run(t, root, testkit.Need(t, "git"), "init", "--quiet", "--bare", empty)
	listed := run(t, root, "git", "--git-dir="+empty, "--work-tree=.", "ls-files", "--others",
		"--exclude-from=.gcloudignore")
	files := strings.Fields(listed)
	slices.Sort(files)
	return files
}

// run returns what a program prints. The test ends when it fails.
func run(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return string(out)
}

// TestUploadIsSmall lists where uploaded files may lie, and bounds their size.
func TestUploadIsSmall(t *testing.T) {
	t.Parallel()
	const most = 2 << 20
	var size int64
	files := uploaded(t)
	for _, file := range files {
		top, _, _ := strings.Cut(file, "/")
		needed := slices.Contains([]string{"function.go", "go.mod", "go.sum", "handlers", "shared"}, top) ||
			strings.HasPrefix(file, "targets/cloudfunctions/") || strings.HasPrefix(file, "targets/internal/app/")
		if !needed || strings.HasSuffix(file, "_test.go") || strings.Contains(file, "testdata") {
			t.Errorf("%s is uploaded, and the function is not built from it", file)
		}
		about, err := os.Stat(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		size += about.Size()
	}
	if len(files) < 50 || size > most {
		t.Errorf("%d files of %d bytes are uploaded, want at most %d bytes", len(files), size, most)
	}
}

// TestGcloudReadsTheSame asks the program that uploads.
func TestGcloudReadsTheSame(t *testing.T) {
	t.Parallel()
	gcloud := testkit.Optional(t, "gcloud")
	want := uploaded(t)
	got := strings.Fields(run(t, root, gcloud, "meta", "list-files-for-upload", "."))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("gcloud would upload\n%s, git reads\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestRootDeploysAsItIs does what the platform's builder does with an upload, see
// https://github.com/GoogleCloudPlatform/buildpacks/tree/main/cmd/go/functions_framework: it looks into the root for
// one package that is not main and imports the framework's functions, writes a main package that imports it, and builds
// that. What comes out is started, and stopped.
func TestRootDeploysAsItIs(t *testing.T) {
	t.Parallel()
	upload := t.TempDir()
	for _, file := range uploaded(t) {
		data, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(upload, file), data)
	}
	wantOneFunctionPackage(t, upload)
	if path := strings.TrimSpace(run(t, upload, "go", "list", "-m")); path != module {
		t.Fatalf("the module is called %s", path)
	}

	if all, used := packages(t, upload, "./..."), packages(t, upload, "-deps", "."); !slices.Equal(all, used) {
		t.Errorf("the packages\n%s\nare uploaded, and the function is built from\n%s", all, used)
	}

	write(t, filepath.Join(upload, "functions.local/app/main.go"), []byte(generatedMain))
	binary := filepath.Join(t.TempDir(), "main")
	run(t, upload, "go", "build", "-o", binary, "./functions.local/app")

	p := platform.Start(t, binary, "--level=debug", "--log-requests", "GORACE=atexit_sleep_ms=0")
	if got := ask(t, p, "GET", "/version", ""); got.status != 200 || !strings.Contains(got.body, "commit") {
		t.Errorf("the deployed function answers %d %s", got.status, got.body)
	}
	slow := make(chan error, 1)
	go func() {
		_, err := try(p, "GET", "/delay/1", nil)
		slow <- err
	}()
	inFlight(t, p, 1)
	if code := p.Stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("the deployed function exits with %d, want 0", code)
	}
	if err := <-slow; err != nil {
		t.Errorf("the request in flight at SIGTERM has no answer: %v", err)
	}
}

// packages lists those of the module, sorted, that go list finds with args.
func packages(t *testing.T, dir string, args ...string) []string {
	t.Helper()
	list := strings.Fields(run(t, dir, "go", append([]string{"list"}, args...)...))
	list = slices.DeleteFunc(list, func(path string) bool { return !strings.HasPrefix(path, module) })
	slices.Sort(list)
	return list
}

// generatedMain has the shape of the main package that the builder writes.
const generatedMain = `package main

import (
	"log"
	"net/http"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	_ "` + module + `"
)

func main() {
	http.HandleFunc("/robots.txt", http.NotFound)
	if err := funcframework.Start(os.Getenv("PORT")); err != nil {
		log.Fatal(err)
	}
}
`

// wantOneFunctionPackage holds the root against the builder's rules: it has Go files, of one package, tests counted,
// which is not main and imports the framework.
func wantOneFunctionPackage(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no Go file in the root: %v", err)
	}
	imports := false
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		if file.Name.Name != "podinfo" {
			t.Errorf("%s is of the package %s, want podinfo", filepath.Base(name), file.Name.Name)
		}
		for _, spec := range file.Imports {
			imports = imports || spec.Path.Value == `"`+frameworkFunctions+`"`
		}
	}
	if !imports {
		t.Errorf("no file in the root imports %s: the builder would look for a function named Podinfo", frameworkFunctions)
	}
	if _, err := os.Stat(filepath.Join(dir, "podinfo")); err == nil {
		t.Error("the root has a directory podinfo: the builder would take it for the package of that name")
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDocumentedCommands asks gcloud itself whether it knows the commands that the documents tell, and holds that they
// make nothing public.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	for _, document := range []string{"README.md", root + "/README.md"} {
		t.Run(document, func(t *testing.T) {
			t.Parallel()
			for _, command := range testkit.CommandsOf(t, document, "gcloud functions deploy") {
				wantPrivate(t, command)
				if said := platform.Lint(t, command); said != "" {
					t.Errorf("gcloud says to %s: %s", command, said)
				}
			}
		})
	}
}

func wantPrivate(t *testing.T, command string) {
	t.Helper()
	for _, flag := range []string{"--gen2", "--source=.", "--entry-point=Podinfo", "--no-allow-unauthenticated"} {
		if !slices.Contains(strings.Fields(command), flag) {
			t.Errorf("the documented command lacks %s: %s", flag, command)
		}
	}
}
