package sam

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// options are those of the sam commands that the project uses, as the SAM CLI command reference of AWS lists them; of
// each command the ones that make sense here. "global" holds those of any command.
var options = map[string][]string{
	"global":   {"stack_name", "parameter_overrides", "region", "profile"},
	"validate": {"lint", "template_file"},
	"build":    {"config_env", "parameter_overrides", "template_file", "cached", "parallel"},
	"deploy": {
		"capabilities", "config_env", "confirm_changeset", "fail_on_empty_changeset", "guided", "parameter_overrides",
		"resolve_s3", "stack_name", "template_file",
	},
	"local_invoke": {"event", "parameter_overrides", "template_file"},
}

type config map[string]map[string]struct {
	Parameters map[string]any `toml:"parameters"`
}

func readConfig(t *testing.T) config {
	t.Helper()
	data, err := os.ReadFile(directory + "/samconfig.toml")
	if err != nil {
		t.Fatal(err)
	}
	var whole map[string]any
	if err := toml.Unmarshal(data, &whole); err != nil {
		t.Fatal(err)
	}
	if version := whole["version"]; version != 0.1 {
		t.Errorf("samconfig.toml has version %v, want 0.1", version)
	}
	_, tables, _ := strings.Cut(string(data), "version = 0.1\n")
	var environments config
	if err := toml.NewDecoder(strings.NewReader(tables)).DisallowUnknownFields().Decode(&environments); err != nil {
		t.Fatal(err)
	}
	return environments
}

func TestConfigIsKnownToSAM(t *testing.T) {
	t.Parallel()
	for environment, commands := range readConfig(t) {
		for command, table := range commands {
			known, ok := options[command]
			if !ok {
				t.Errorf("[%s.%s.parameters] is of no command of sam", environment, command)
			}
			for name := range table.Parameters {
				if !slices.Contains(known, name) {
					t.Errorf("[%s.%s.parameters] sets %s, which sam %[2]s does not know", environment, command, name)
				}
			}
		}
	}
}

// Both environments deploy in the same way, and differ in what they are named for.
func TestConfigChoosesTheArchitecture(t *testing.T) {
	t.Parallel()
	for environment, want := range map[string]string{"default": "arm64", "x86_64": "x86_64"} {
		commands := readConfig(t)[environment]
		overrides, _ := commands["global"].Parameters["parameter_overrides"].(string)
		s := create(t, strings.Fields(overrides)...)
		if got := s.parameters["Architecture"]; got != want {
			t.Errorf("the environment %s builds and deploys %v, want %s", environment, got, want)
		}
		if commands["deploy"].Parameters["capabilities"] != "CAPABILITY_IAM" {
			t.Errorf("the environment %s does not let the stack have its role", environment)
		}
	}
}

// TestDocumentedCommands holds each sam command of the documents against the template and the files that it names.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	for document, from := range map[string]string{
		directory + "/README.md":            directory,
		"../../../README.md":                "../../..",
		"../../../targets/lambda/README.md": "../../..",
	} {
		found := 0
		for _, line := range testkit.Commands(t, document) {
			at := from
			for command := range strings.SplitSeq(strings.Trim(line, "()"), " && ") {
				words := strings.Fields(command)
				switch words[0] {
				case "cd":
					at = filepath.Join(at, words[1])
				case "sam":
					found++
					wantSense(t, at, words[1:])
				}
			}
		}
		if found == 0 {
			t.Errorf("%s shows no command of sam", document)
		}
	}
}

// wantSense reads the words of a command after "sam", as they are meant in the directory from. Commands there find the
// template and its settings.
func wantSense(t *testing.T, from string, words []string) {
	t.Helper()
	command, words := words[0], words[1:]
	if _, err := os.Stat(filepath.Join(from, "samconfig.toml")); err != nil {
		t.Errorf("sam %s has no settings: %v", command, err)
	}
	if command == "local" {
		command, words = command+"_"+words[0], words[1:]
	}
	known, ok := options[command]
	if !ok {
		t.Fatalf("sam %s is not among the commands of this test", command)
	}
	var option string
	for _, word := range words {
		name, isOption := strings.CutPrefix(word, "--")
		if isOption {
			option = strings.ReplaceAll(name, "-", "_")
			if !slices.Contains(known, option) {
				t.Errorf("sam %s has no --%s", command, name)
			}
			continue
		}
		wantArgument(t, from, option, word)
	}
}

func wantArgument(t *testing.T, from, option, argument string) {
	t.Helper()
	switch option {
	case "":
		if _, known := read(t)["Resources"].(object)[argument]; !known {
			t.Errorf("the template has no resource %s", argument)
		}
	case "template_file", "event":
		if _, err := os.Stat(filepath.Join(from, argument)); err != nil {
			t.Error(err)
		}
	case "config_env":
		if _, known := readConfig(t)[argument]; !known {
			t.Errorf("samconfig.toml has no environment %s", argument)
		}
	case "parameter_overrides":
		create(t, argument)
	default:
		t.Errorf("--%s %s is not looked at by this test", option, argument)
	}
}
