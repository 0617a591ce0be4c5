package otel

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"

	"github.com/podinfo-targets/podinfo/test/deploy/internal/manifest"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

const root = "../../.."

// TestReadmesCommands holds what the documents tell people to run against the files that it would run on.
func TestReadmesCommands(t *testing.T) {
	t.Parallel()
	project, objects := loadCompose(t), build(t)
	checked := 0
	for _, document := range []string{"README.md", "deploy/otel/README.md"} {
		for _, command := range testkit.Commands(t, filepath.Join(root, document)) {
			words := strings.Fields(command)
			switch {
			case strings.HasPrefix(command, "docker compose "):
				checkCompose(t, words[2:])
			case strings.HasPrefix(command, "kubectl apply -k deploy/otel/"):
				if _, err := os.Stat(filepath.Join(root, words[3], "kustomization.yaml")); err != nil {
					t.Errorf("%s: %v", command, err)
				}
			case slices.Contains(words, "port-forward") && document != "README.md":
				checkForward(t, objects, words)
			case strings.Contains(command, "curl") && document != "README.md":
				checkURLs(t, project, command)
			default:
				continue
			}
			checked++
		}
	}
	if checked < 4 {
		t.Errorf("only %d commands were found", checked)
	}
}

// checkCompose checks the arguments of docker compose: the file of this folder and one of the two uses of it.
func checkCompose(t *testing.T, args []string) {
	t.Helper()
	if len(args) < 3 || args[0] != "-f" || !sameFile(filepath.Join(root, args[1]), composeFile) || args[2] != "up" {
		t.Errorf("docker compose %s does not start deploy/otel", strings.Join(args, " "))
	}
	for _, flag := range args[3:] {
		if flag != "--detach" && flag != "--build" {
			t.Errorf("docker compose up has no reason for %s", flag)
		}
	}
}

func sameFile(one, other string) bool {
	a, errA := os.Stat(one)
	b, errB := os.Stat(other)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// checkForward checks "kubectl -n NAMESPACE port-forward service/NAME PORT".
func checkForward(t *testing.T, objects manifest.Objects, words []string) {
	t.Helper()
	manifest.Get[*corev1.Namespace](t, objects, words[2])
	name := strings.TrimPrefix(words[4], "service/")
	service := manifest.Get[*corev1.Service](t, objects, name)
	if !slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool {
		return strconv.Itoa(int(p.Port)) == words[5]
	}) {
		t.Errorf("the Service %s has no port %s", name, words[5])
	}
}

// TestReadmesLinks shows that the pages that deploy/otel/README.md tells people to open are served there.
func TestReadmesLinks(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "deploy/otel/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	checkURLs(t, loadCompose(t), string(text))
}

// checkURLs fails the test unless Compose publishes each port of localhost that the text names.
func checkURLs(t *testing.T, project *types.Project, text string) {
	t.Helper()
	ports := regexp.MustCompile(`localhost:(\d+)`).FindAllStringSubmatch(text, -1)
	if len(ports) == 0 {
		t.Error("no port of localhost is named")
	}
	for _, port := range ports {
		published := false
		for _, s := range project.Services {
			published = published || slices.ContainsFunc(s.Ports, func(p types.ServicePortConfig) bool {
				return p.Published == port[1]
			})
		}
		if !published {
			t.Errorf("nothing is published as port %s", port[1])
		}
	}
}
