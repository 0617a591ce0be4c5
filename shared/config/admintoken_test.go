package config_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/config"
	"github.com/podinfo-targets/podinfo/shared/env"
)

func TestAdminToken(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 8<<10)
	for _, tt := range []struct{ name, token, want string }{
		{"plain", "correct-horse", "correct-horse"},
		{"as openssl writes it", "Zm9v+/8=\n", "Zm9v+/8="},
		{"white space around it", " \tcorrect-horse\r\n", "correct-horse"},
		{"the longest", long, long},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for source, c := range map[string]*config.Config{
				"flag":     load(t, []string{"--plugin-admin-token=" + tt.token}, nil),
				"variable": load(t, nil, []string{"PODINFO_PLUGIN_ADMIN_TOKEN=" + tt.token}),
				"file":     load(t, []string{"--plugin-admin-token-file=" + tokenFile(t, tt.token)}, nil),
			} {
				if c.PluginAdminToken != tt.want {
					t.Errorf("the %s %q gives the token %q, want %q", source, tt.token, c.PluginAdminToken, tt.want)
				}
			}
		})
	}
}

// A token that no client could send is a mistake, and the line that says so does not show it.
func TestAdminTokenMistakes(t *testing.T) {
	t.Parallel()
	const charset = "no token that a header can carry; give one of letters, digits and - . _ ~ + / = alone, " +
		"such as openssl rand -hex 32 makes"
	for _, tt := range []struct{ name, token, want string }{
		{"white space", " \n", "empty; give a token or leave the setting out"},
		{"two words", "correct horse", charset},
		{"two lines", "correct\nhorse", charset},
		{"accents", "corréct-horse", charset},
		{"control characters", "correct\x00horse", charset},
		{"too long", strings.Repeat("x", 8<<10+1), "longer than 8192 characters; give a shorter token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load([]string{"--plugin-admin-token=" + tt.token}, nil, config.Server)
			wantError(t, err, "flag --plugin-admin-token: "+tt.want)
			_, err = config.Load(nil, []string{"PODINFO_PLUGIN_ADMIN_TOKEN=" + tt.token}, config.Server)
			wantError(t, err, "environment PODINFO_PLUGIN_ADMIN_TOKEN: "+tt.want)
			inDir := dir(t, "config.yaml", fmt.Sprintf("plugin-admin-token: %q\n", tt.token))
			_, err = config.Load([]string{"--config-path=" + inDir}, nil, config.Server)
			wantError(t, err, "file "+inDir+"/config.yaml key plugin-admin-token: "+tt.want)
			file := tokenFile(t, tt.token)
			_, err = config.Load([]string{"--plugin-admin-token-file=" + file}, nil, config.Server)
			wantError(t, err, fmt.Sprintf("flag --plugin-admin-token-file %q: the file's content is %s", file, tt.want))
			if strings.Contains(err.Error(), "horse") {
				t.Errorf("the error tells the token: %v", err)
			}
		})
	}
	_, err := config.Load([]string{"--plugin-admin-token="}, nil, config.Server)
	wantError(t, err, "flag --plugin-admin-token: empty; give a token or leave the setting out")
}

func TestAdminTokenFileMistakes(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	good := tokenFile(t, "correct-horse")
	for _, tt := range []struct {
		name, file, want string
		args, env        []string
	}{
		{name: "not there", file: path + "/none", want: "no such file; name one that is there, or leave the setting out"},
		{name: "directory", file: path, want: "not a regular file; name one with --plugin-admin-token-file"},
		{name: "device", file: "/dev/zero", want: "not a regular file; name one with --plugin-admin-token-file"},
		{name: "huge", file: tokenFile(t, strings.Repeat("\n", 1<<20)),
			want: "larger than 16384 bytes; is it the right file? name it with --plugin-admin-token-file"},
		{name: "flag too", file: good, args: []string{"--plugin-admin-token=other"},
			want: "the token is given by flag --plugin-admin-token too; leave one of the two out"},
		{name: "variable too", file: good, env: []string{"PODINFO_PLUGIN_ADMIN_TOKEN=other"},
			want: "the token is given by environment PODINFO_PLUGIN_ADMIN_TOKEN too; leave one of the two out"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(append(tt.args, "--plugin-admin-token-file="+tt.file), tt.env, config.Server)
			wantError(t, err, fmt.Sprintf("flag --plugin-admin-token-file %q: %s", tt.file, tt.want))
		})
	}
	c := load(t, nil, []string{"PODINFO_PLUGIN_ADMIN_TOKEN_FILE=" + good})
	if c.PluginAdminToken != "correct-horse" {
		t.Errorf("the file named by a variable gives the token %q", c.PluginAdminToken)
	}
	if _, err := config.Load(nil, []string{"PODINFO_PLUGIN_ADMIN_TOKEN_FILE=" + path}, sample()); err != nil {
		t.Errorf("a target without plugins looks at the token's file: %v", err)
	}
}

// The token stands among the variables that podinfo shows to everybody, under a name that is masked.
func TestAdminTokenIsMasked(t *testing.T) {
	t.Parallel()
	got := env.List([]string{variable("plugin-admin-token") + "=correct-horse"}, false)
	if len(got) != 1 || strings.Contains(got[0], "horse") {
		t.Errorf("the environment is shown as %q", got)
	}
}

// Who shows the directory of the config file has to know that it holds the token, even when another one counts.
func TestAdminTokenInTheConfigFileIsToldOf(t *testing.T) {
	t.Parallel()
	inDir := "--config-path=" + dir(t, "config.yaml", "plugin-admin-token: correct-horse\n")
	if c := load(t, []string{inDir, "--plugin-admin-token=other"}, nil); !c.ConfigSecret || c.PluginAdminToken != "other" {
		t.Errorf("the token is %q, and that the config file holds a secret is %t", c.PluginAdminToken, c.ConfigSecret)
	}
	inDir = "--config-path=" + dir(t, "config.yaml", "port: 1\n")
	if c := load(t, []string{inDir, "--plugin-admin-token=other"}, nil); c.ConfigSecret {
		t.Error("a config file without a secret is said to hold one")
	}
}

// A token that is the default of a target, or was given, is not what the usage shows.
func TestUsageHidesTheAdminToken(t *testing.T) {
	t.Parallel()
	_, err := config.Load([]string{"--plugin-admin-token=correct-horse", "--port=x"}, nil, config.Server)
	_, stderr, _ := report(err)
	if !strings.Contains(stderr, "--plugin-admin-token string") || strings.Contains(stderr, "horse") {
		t.Errorf("the usage lacks the flag or tells the token:\n%s", stderr)
	}
	if !strings.Contains(strings.Join(strings.Fields(stderr), " "), "every process can read the flags of the others") {
		t.Errorf("the usage does not say why a flag is no place for a token:\n%s", stderr)
	}
}

// tokenFile writes a file as a Secret is mounted, and returns its path.
func tokenFile(t *testing.T, content string) string {
	t.Helper()
	return filepath.Join(dir(t, "token", content), "token")
}
