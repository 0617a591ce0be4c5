package architecture

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

var update = flag.Bool("update", false, "write docs/binaries.md as the binaries are now")

const (
	root     = "../.."
	document = root + "/docs/binaries.md"
)

// binary is one that "make build" makes, and what must hold for it.
type binary struct {
	name    string
	largest int64    // bytes, stripped
	without []string // beginnings of import paths that it must not link
}

// cluster is what no server links: the libraries of the platforms that it runs on belong to tests and tools.
var cluster = []string{"knative.dev/", "k8s.io/", "sigs.k8s.io/"}

// plugins is what it takes to run plugins. What the API knows of them is apart from it.
var plugins = []string{
	"github.com/hashicorp/", module + "shared/plugin/host", module + "shared/plugin/internal/", module + "plugins/",
}

// functions is what the functions do not link beside these: a gRPC server, or anything of gRPC.
var functions = slices.Concat(cluster, plugins, []string{
	"google.golang.org/grpc", module + "rpc", module + "targets/internal/server",
})

var binaries = []binary{
	{"podinfo", 22 << 20, cluster},
	{"podinfo-knative", 22 << 20, cluster},
	{"bootstrap", 14 << 20, functions},
	{"podinfo-function", 18_000_000, functions},
	{"podcli", 12 << 20, slices.Concat(cluster, plugins)},
}

// TestBinariesLinkOnlyWhatTheirPlatformCanUse reads the packages of each binary from the go command.
func TestBinariesLinkOnlyWhatTheirPlatformCanUse(t *testing.T) {
	t.Parallel()
	for _, b := range binaries {
		for _, p := range dependencies(t, b) {
			for _, unwanted := range b.without {
				if strings.HasPrefix(p.ImportPath, unwanted) {
					t.Errorf("bin/%s links %s; it must do without %s", b.name, p.ImportPath, unwanted)
				}
			}
		}
	}
}

// TestBinariesAreListed compares docs/binaries.md with the binaries.
func TestBinariesAreListed(t *testing.T) {
	t.Parallel()
	var want bytes.Buffer
	want.WriteString(preamble)
	for _, b := range binaries {
		list(&want, b.name, dependencies(t, b))
	}
	if *update {
		if err := os.WriteFile(document, want.Bytes(), 0o644); err != nil { //nolint:gosec // a document
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(document)
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("docs/binaries.md is not what the binaries link (%v); "+
			"run: go test ./test/architecture -run TestBinariesAreListed -update", err)
	}
}

const preamble = `# What each binary links

Written by "go test ./test/architecture -run TestBinariesAreListed -update" from "go list -deps", for linux/amd64 with
the tags of the Makefile: the modules beside this one and the standard library, and how many of their packages.
[dependencies.md](dependencies.md) says why each direct one is here.
`

// list writes the modules of one binary.
func list(to io.Writer, name string, packages []dependency) {
	total, counts := 0, make(map[string]int)
	for _, p := range packages {
		if p.Standard || p.Module.Version == "" { // the standard library, or this module
			continue
		}
		counts[p.Module.Path+" "+p.Module.Version]++
		total++
	}
	fmt.Fprintf(to, "\n## bin/%s\n\n%d packages of %d modules:\n\n", name, total, len(counts))
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(to, "    %3d  %s\n", counts[name], name)
	}
}

// TestSizes builds each binary as the Makefile does. It also looks for what would make it large again: code that looks
// methods up by name at run time, for which the linker keeps every exported method of every type.
func TestSizes(t *testing.T) {
	t.Parallel()
	for _, b := range binaries {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), b.name)
			recipe := strings.Replace(recipe(t, b), "-o bin/"+b.name, "-o "+out, 1)
			recipe = strings.Replace(recipe, `-ldflags "`, `-ldflags "-dumpdep `, 1)
			build := exec.CommandContext(t.Context(), "sh", "-c", recipe)
			build.Dir = root
			trace, err := build.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", recipe, err, trace[max(0, len(trace)-1000):])
			}
			if at := bytes.Index(trace, []byte("<ReflectMethod>")); at >= 0 {
				line := trace[bytes.LastIndexByte(trace[:at], '\n')+1 : at]
				t.Errorf("the linker keeps all exported methods because of %s", line)
			}
			info, err := os.Stat(out)
			if err != nil {
				t.Fatal(err)
			}
			if info.Size() > b.largest {
				t.Errorf("bin/%s has %d bytes, want at most %d", b.name, info.Size(), b.largest)
			}
			t.Logf("bin/%s: %d bytes", b.name, info.Size())
		})
	}
}

// recipe returns the command with which the Makefile builds a binary.
func recipe(t *testing.T, b binary) string {
	t.Helper()
	testkit.Need(t, "make")
	out, err := exec.CommandContext(t.Context(), "make", "-C", root, "--no-print-directory", "-n", "bin/"+b.name).Output()
	if err != nil {
		t.Fatalf("make -n bin/%s: %v", b.name, err)
	}
	return string(out)
}

var tagsAndPackage = regexp.MustCompile(`(?s)(-tags=\S+).* (\./\S+)`)

// dependency is what go list tells of a package that a binary links.
type dependency struct {
	ImportPath string
	Standard   bool
	Module     struct{ Path, Version string }
}

func dependencies(t *testing.T, b binary) []dependency {
	t.Helper()
	found := tagsAndPackage.FindStringSubmatch(recipe(t, b))
	if found == nil {
		t.Fatalf("the Makefile's recipe of bin/%s has no -tags or no package", b.name)
	}
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Standard,Module", found[1], found[2])
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	var packages []dependency
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p dependency
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 50 {
		t.Fatalf("go list names %d packages of bin/%s only: the test reads the wrong place", len(packages), b.name)
	}
	return packages
}
