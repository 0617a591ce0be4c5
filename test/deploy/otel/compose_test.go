package otel

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/podinfo-targets/podinfo/test/deploy/internal/manifest"
)

const composeFile = "../../../deploy/otel/compose.yaml"

// loadCompose reads the file as docker compose does: what the specification does not know is an error.
func loadCompose(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{composeFile})
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestComposeServicesAreHardened(t *testing.T) {
	t.Parallel()
	project := loadCompose(t)
	if got := project.ServiceNames(); len(got) != 7 {
		t.Errorf("the services are %v, want two of podinfo and five beside them", got)
	}
	for name, s := range project.Services {
		for _, c := range []struct {
			promise string
			kept    bool
		}{
			{"its image is pinned to a version", manifest.Pinned(s.Image)},
			{"it has a numeric user who is not root", s.User != "" && strings.Trim(s.User, "0123456789:") == "" &&
				!strings.HasPrefix(s.User, "0")},
			{"its root file system is read only", s.ReadOnly},
			{"it has no capabilities", slices.Equal(s.CapDrop, []string{"ALL"}) && len(s.CapAdd) == 0},
			{"it gains no privileges", slices.Contains(s.SecurityOpt, "no-new-privileges:true") && !s.Privileged},
			{"its memory is bounded", s.MemLimit > 0 && s.MemLimit <= 512<<20},
			{"its processes are bounded", s.PidsLimit > 0},
			{"it has no volumes of the host", len(s.Volumes) == 0},
		} {
			if !c.kept {
				t.Errorf("%s: not true that %s", name, c.promise)
			}
		}
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %d is open to other machines", name, port.Target)
			}
		}
	}
}

func TestComposeFilesExistAndCanBeRead(t *testing.T) {
	t.Parallel()
	project := loadCompose(t)
	mounted := map[string]bool{}
	for name, s := range project.Services {
		for _, config := range s.Configs {
			mounted[config.Source] = true
			if config.Target == "" {
				t.Errorf("%s: the config %s is mounted nowhere in particular", name, config.Source)
			}
		}
		if s.Build == nil {
			continue
		}
		if _, err := os.Stat(s.Build.Context + "/Dockerfile"); err != nil {
			t.Errorf("%s cannot be built: %v", name, err)
		}
	}
	for name, config := range project.Configs {
		info, err := os.Stat(config.File)
		if err != nil {
			t.Error(err)
			continue
		}
		// The file is mounted as it is, and the containers' users are not its owner.
		if info.Mode()&fs.FileMode(0o004) == 0 {
			t.Errorf("%s can only be read by its owner", config.File)
		}
		if !mounted[name] {
			t.Errorf("nobody mounts the config %s", name)
		}
	}
}

// TestComposeFilesFindEachOther shows that the paths in the configuration are those of files that the service has.
func TestComposeFilesFindEachOther(t *testing.T) {
	t.Parallel()
	project := loadCompose(t)
	home := project.Services["grafana"].Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
	if home == nil {
		t.Fatal("Grafana has no home dashboard")
	}
	for _, c := range []struct{ service, config, pattern, file string }{
		{"prometheus", "prometheus", `(?m)^rule_files: \[(.*)\]$`, "/etc/prometheus/alerts.yaml"},
		{"grafana", "dashboards", `(?m)^      path: (.*)$`, *home},
	} {
		text, err := os.ReadFile(project.Configs[c.config].File)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(c.pattern).FindSubmatch(text)
		if found == nil || !strings.Contains(c.file, string(found[1])) {
			t.Errorf("the config %s does not lead to %s: %q", c.config, c.file, found)
		}
		if !slices.ContainsFunc(project.Services[c.service].Configs, func(config types.ServiceConfigObjConfig) bool {
			return config.Target == c.file
		}) {
			t.Errorf("%s has no file %s", c.service, c.file)
		}
	}
}

// TestComposeUsersCanWrite shows that a temporary file system belongs to its service's user, or to everybody.
func TestComposeUsersCanWrite(t *testing.T) {
	t.Parallel()
	for name, s := range loadCompose(t).Services {
		uid, gid, _ := strings.Cut(s.User, ":")
		for _, tmpfs := range s.Tmpfs {
			path, options, _ := strings.Cut(tmpfs, ":")
			if !strings.HasPrefix(options, "uid="+uid+",gid="+gid+",") && !strings.HasPrefix(options, "mode=1777,") {
				t.Errorf("%s, which is user %s, cannot write to %s: %s", name, s.User, path, options)
			}
		}
	}
}

// TestComposeBuildsEachImageOnce shows that no two services build one image: docker compose builds side by side, and
// the second one to finish fails because the image is there already.
func TestComposeBuildsEachImageOnce(t *testing.T) {
	t.Parallel()
	builders := map[string][]string{}
	for name, s := range loadCompose(t).Services {
		if s.Build != nil {
			builders[s.Image] = append(builders[s.Image], name)
		}
	}
	if len(builders) == 0 {
		t.Error("podinfo, which is published nowhere, is not built")
	}
	for image, names := range builders {
		if len(names) > 1 {
			t.Errorf("%s is built by %v", image, names)
		}
	}
}

// TestComposeMemoryIsEnough shows that what Go may take fits into the limit, together with what the service may keep in
// its temporary file systems, which is memory, too.
func TestComposeMemoryIsEnough(t *testing.T) {
	t.Parallel()
	for name, s := range loadCompose(t).Services {
		need := room(t, s)
		if goes := s.Environment["GOMEMLIMIT"]; goes != nil {
			need += mebibytes(t, `^(\d+)MiB$`, *goes)
		}
		if limit := int(s.MemLimit >> 20); need > limit {
			t.Errorf("%s may need %d MiB, and gets %d", name, need, limit)
		}
	}
}

// TestComposePrometheusCanWriteBlocks shows that the segment of a block, whose room Prometheus takes before it writes
// one, fits into its file system several times: one block is made of others, which are there until it is complete.
func TestComposePrometheusCanWriteBlocks(t *testing.T) {
	t.Parallel()
	s := loadCompose(t).Services["prometheus"]
	segment := 512 // Prometheus' default.
	for _, argument := range s.Command {
		if size, is := strings.CutPrefix(argument, "--storage.tsdb.max-block-chunk-segment-size="); is {
			segment = mebibytes(t, `^(\d+)MB$`, size)
		}
	}
	if has := room(t, s); 4*segment > has {
		t.Errorf("Prometheus takes %d MiB for each block, and has %d", segment, has)
	}
}

// room is the size of a service's temporary file systems in MiB.
func room(t *testing.T, s types.ServiceConfig) int {
	t.Helper()
	total := 0
	for _, tmpfs := range s.Tmpfs {
		total += mebibytes(t, `,size=(\d+)m$`, tmpfs)
	}
	return total
}

// mebibytes is the number that the pattern finds in the text.
func mebibytes(t *testing.T, pattern, text string) int {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("%q is no size that this test can read", text)
	}
	size, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// TestComposeNamesMeet shows that what one service calls another is the name of one.
func TestComposeNamesMeet(t *testing.T) {
	t.Parallel()
	project := loadCompose(t)
	for _, text := range append(commands(project), configTexts(t, project)...) {
		for _, scheme := range []string{"http://", "tcp://"} {
			for _, rest := range strings.Split(text, scheme)[1:] {
				host, _, _ := strings.Cut(rest, ":")
				if _, err := project.GetService(host); err != nil {
					t.Errorf("%s%s leads to no service", scheme, rest)
				}
			}
		}
	}
}

func commands(project *types.Project) []string {
	var all []string
	for _, s := range project.Services {
		all = append(all, s.Command...)
		for _, value := range s.Environment {
			if value != nil {
				all = append(all, *value)
			}
		}
	}
	return all
}

// configTexts returns the lines of the configuration that hold addresses of services.
func configTexts(t *testing.T, project *types.Project) []string {
	t.Helper()
	var all []string
	for _, name := range []string{"collector", "datasources"} {
		text, err := os.ReadFile(project.Configs[name].File)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.Fields(string(text))...)
	}
	return all
}
