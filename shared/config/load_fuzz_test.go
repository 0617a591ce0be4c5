package config_test

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/podinfo-targets/podinfo/shared/config"
)

// FuzzLoad gives Load any argument, any variable and any file. It must end in a Config that keeps its promises, or in
// one line that does not tell the secret.
func FuzzLoad(f *testing.F) {
	f.Add("--port=1", "PODINFO_PORT=tcp://10.0.0.1:1", "config.yaml", []byte("port: 1\nbackend-url: [a, b]\n"))
	f.Add("--prefix=/a", "PODINFO_LEVEL=debug", "my.app.toml", []byte("port = 1\n[x]\ny = 1979-05-27\n"))
	f.Add("-h", "PODINFO_RANDOM_DELAY_MIN=9", "c.json", []byte(`{"port": 1e3, "h2c": null}`))
	f.Add("--lambda-base-path=a", "PODINFO_LAMBDA_INVOKE_MODE=x", "config", []byte("lambda-invoke-mode: BUFFERED\n"))
	f.Add("--plugin-admin-token=a b", "PODINFO_PLUGIN_ADMIN_TOKEN_FILE=/dev/null", "config", []byte("plugin-mtls: x\n"))
	f.Add("--backend-url=\"a", "PODINFO_HTTP_SERVER_TIMEOUT=-1s", "config", []byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, arg, variable, name string, file []byte) {
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") || len(name) > 100 {
			name = "config.yaml"
		}
		const secret = "correct-horse"
		args := []string{"--config-path=" + dir(t, name, string(file)), "--config=" + name, arg}
		c, err := config.Load(args, []string{"PODINFO_JWT_SECRET=" + secret, variable}, every())
		if err != nil {
			if strings.ContainsFunc(err.Error(), unicode.IsControl) {
				t.Errorf("the error is more than a line: %q", err)
			}
			if strings.Contains(err.Error(), secret) && !strings.Contains(arg+variable+string(file), secret) {
				t.Errorf("the error tells the secret: %q", err)
			}
			return
		}
		for _, port := range []int{c.Port, c.SecurePort, c.MetricsPort, c.GRPCPort} {
			if port < 0 || port > 65535 {
				t.Errorf("a port is %d", port)
			}
		}
		for _, d := range []time.Duration{c.HTTPServerTimeout, c.ServerShutdownTimeout, c.ShutdownDelay, c.RandomDelayMin} {
			if d < 0 || 2*d < 0 {
				t.Errorf("a duration is %s", d)
			}
		}
		if c.HTTPClientTimeout <= 0 || c.RandomDelayMax < c.RandomDelayMin || c.JWTSecret == "" || c.UILogo == "" ||
			c.PluginCallTimeout <= 0 || c.PluginsPollInterval <= 0 || c.PluginMaxCalls < 1 || c.PluginMaxFileSize < 1 ||
			c.MaxBodySize < 1 || c.StoreMaxSize < 1 || c.StressCPU < 0 || c.StressMemory < 0 {
			t.Errorf("Load accepted %+v", c)
		}
	})
}
