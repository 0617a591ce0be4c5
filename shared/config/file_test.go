package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/config"
)

func TestFileFormats(t *testing.T) {
	t.Parallel()
	const (
		yaml = "port: 8080\nh2c: true\nui-message: from file\nhttp-server-timeout: 7s\nnobody-knows: {this: key}\n" +
			"ui-color:\nbackend-url: [http://a]\n"
		json = `{"port": 8080, "h2c": true, "ui-message": "from file", "http-server-timeout": "7s", "x": {"y": 1},
			"ui-color": null, "backend-url": ["http://a"]}`
		toml = "port = 8080\nh2c = true\nui-message = \"from file\"\nhttp-server-timeout = \"7s\"\n" +
			"backend-url = [\"http://a\"]\n[nobody-knows]\nthis = 1979-05-27\n"
	)
	tests := []struct{ name, content string }{
		{"config.yaml", yaml},
		{"config.yml", yaml},
		{"config.JSON", json},
		{"config.json", json},
		{"config.toml", toml},
		{"my.app.toml", toml},
		{"my.app.json", json},
		{"config", yaml},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := load(t, []string{"--config=" + tt.name}, []string{"PODINFO_CONFIG_PATH=" + dir(t, tt.name, tt.content)})
			if c.Port != 8080 || !c.H2C || c.UIMessage != "from file" || c.HTTPServerTimeout.String() != "7s" ||
				c.UIColor != "#34577c" || len(c.BackendURLs) != 1 {
				t.Errorf("%s was read as %+v", tt.name, c)
			}
		})
	}
}

// A ConfigMap may be optional, and the directory may belong to the application: the start goes on with the defaults.
func TestFileMissing(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	file := filepath.Join(dir(t, "file", ""), "file")
	dangling := t.TempDir()
	if err := os.Symlink("nowhere", filepath.Join(dangling, "config.yaml")); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
	}{
		{"no file in the directory", []string{"--config-path=" + empty}},
		{"no directory", []string{"--config-path=" + filepath.Join(empty, "nothing")}},
		{"a file for a directory", []string{"--config-path=" + file}},
		{"a dangling link", []string{"--config-path=" + dangling}},
		{"no name", []string{"--config-path=" + empty, "--config="}},
		{"an empty file", []string{"--config-path=" + dir(t, "config.yaml", "")}},
		{"a name without a directory", []string{"--config=config_test.go"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := load(t, tt.args, nil).Port; got != 9898 {
				t.Errorf("Port is %d, want the default", got)
			}
		})
	}
}

func TestFileErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, file, content, want string }{
		{"broken YAML", "config.yaml", "port: 1\n  h2c: [\n",
			"file DIR/config.yaml: not valid YAML in line 2; mend it or take the file away"},
		{"YAML that is no map", "config.yaml", "s3cret\n",
			"file DIR/config.yaml: not valid YAML in line 1; mend it or take the file away"},
		{"broken JSON", "config.json", "{\n\"port\": 1,\n}",
			"file DIR/config.json: not valid JSON in line 3; mend it or take the file away"},
		{"JSON that is no object", "config.json", `"s3cret"`,
			"file DIR/config.json: not valid JSON; mend it or take the file away"},
		{"broken TOML", "my.app.toml", "port = 1\nh2c\n",
			"file DIR/my.app.toml: not valid TOML in line 2; mend it or take the file away"},
		{"unknown kind", "config.ini", "port=1",
			"file DIR/config.ini: unknown kind of file; end its name in .yaml, .json or .toml"},
		{"too large", "config.yaml", strings.Repeat("#\n", 1<<19+1),
			"file DIR/config.yaml: larger than 1048576 bytes; is it the right file? name it with --config"},
		{"wrong number", "config.yaml", "port: http",
			`file DIR/config.yaml key port "http": not a whole number; give one from 0 to 65535`},
		{"duration without a unit", "config.json", `{"http-client-timeout": 30}`,
			`file DIR/config.json key http-client-timeout "30": not a duration; ` +
				`give a number with its unit, such as 500ms, 30s or 2m`},
		{"list for one value", "config.yaml", "port: [1, 2]",
			"file DIR/config.yaml key port: not a single value; write one, in quotes if it is text"},
		{"map for one value", "config.yaml", "jwt-secret: {s3cret: s3cret}",
			"file DIR/config.yaml key jwt-secret: not a single value; write one, in quotes if it is text"},
		{"date for one value", "config.toml", "ui-message = 1979-05-27",
			"file DIR/config.toml key ui-message: not a single value; write one, in quotes if it is text"},
		{"map in a list", "config.yaml", "backend-url: [http://a, {b: c}]",
			"file DIR/config.yaml key backend-url: entry 2 is not text; write it in quotes"},
		{"empty secret", "config.yaml", `jwt-secret: ""`,
			"file DIR/config.yaml key jwt-secret: empty; give a secret or leave the setting out"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := dir(t, tt.file, tt.content)
			_, err := config.Load([]string{"--config-path", dir, "--config", tt.file}, nil, config.Server)
			wantError(t, err, strings.ReplaceAll(tt.want, "DIR", dir))
		})
	}
}

func TestFileThatIsNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "config.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load([]string{"--config-path", dir}, nil, config.Server)
	wantError(t, err, "file "+dir+"/config.yaml: not a regular file; name one with --config")
}

func TestFileNotReadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// A link to itself cannot be read by anyone, while root may read a file without permissions.
	if err := os.Symlink("config.yaml", filepath.Join(dir, "config.yaml")); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load([]string{"--config-path", dir}, nil, config.Server)
	wantError(t, err, "file "+dir+"/config.yaml: too many levels of symbolic links; make it readable or take it away")
}
