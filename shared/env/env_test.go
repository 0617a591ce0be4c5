package env_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/env"
)

func TestListMasks(t *testing.T) {
	t.Parallel()
	tests := []struct{ variable, want string }{
		{"PODINFO_JWT_SECRET=x", "PODINFO_JWT_SECRET=********"},
		{"AWS_ACCESS_KEY_ID=AKIA", "AWS_ACCESS_KEY_ID=********"},
		{"AWS_SECRET_ACCESS_KEY=x", "AWS_SECRET_ACCESS_KEY=********"},
		{"AWS_SESSION_TOKEN=x", "AWS_SESSION_TOKEN=********"},
		{"AWS_SECURITY_TOKEN=x", "AWS_SECURITY_TOKEN=********"},
		{"AWS_CONTAINER_AUTHORIZATION_TOKEN=x", "AWS_CONTAINER_AUTHORIZATION_TOKEN=********"},
		{"AWS_CONTAINER_CREDENTIALS_FULL_URI=x", "AWS_CONTAINER_CREDENTIALS_FULL_URI=********"},
		{"GOOGLE_APPLICATION_CREDENTIALS=/x", "GOOGLE_APPLICATION_CREDENTIALS=********"},
		{"GITHUB_TOKEN=x", "GITHUB_TOKEN=********"},
		{"MYAPIKEY=x", "MYAPIKEY=********"},
		{"apiKey=x", "apiKey=********"},
		{"Db_Password=x", "Db_Password=********"},
		{"PGPASSWORD=x", "PGPASSWORD=********"},
		{"DB_PASS=x", "DB_PASS=********"},
		{"MYSQL_PWD=x", "MYSQL_PWD=********"},
		{"OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer x", "OTEL_EXPORTER_OTLP_HEADERS=********"},
		{"SENTRY_DSN=https://x@sentry", "SENTRY_DSN=********"},
		{"A_SECRET=with=equal=signs", "A_SECRET=********"},
		{"EMPTY_TOKEN=", "EMPTY_TOKEN="},
		{`GCP_ACCOUNT={"private_key":"-----BEGIN PRIVATE KEY-----\nx"}`, "GCP_ACCOUNT=********"},
		{"TLS=-----BEGIN CERTIFICATE-----x\n-----BEGIN EC PRIVATE KEY-----\nx", "TLS=********"},
		{"CA=-----BEGIN CERTIFICATE-----\nx", "CA=-----BEGIN CERTIFICATE-----\nx"},

		{"REDIS_URL=redis://user:p4ss@redis:6379/0", "REDIS_URL=redis://user:********@redis:6379/0"},
		{"PODINFO_CACHE_SERVER=tcp://:p4ss@redis:6379", "PODINFO_CACHE_SERVER=tcp://:********@redis:6379"},
		{"URL=postgres://u:p@ss/w@rd@db/x", "URL=postgres://u:********@db/x"},
		{"URL=https://ghp_x@git.example/r", "URL=https://********@git.example/r"},
		{"URL=https://h/?api_key=x&page=2", "URL=https://h/?api_key=********&page=2"},
		{"CONN=host=db password=x user=u", "CONN=host=db password=******** user=u"},

		{"PATH=/usr/bin:/bin", "PATH=/usr/bin:/bin"},
		{"PWD=/home/app", "PWD=/home/app"},
		{"OLDPWD=/", "OLDPWD=/"},
		{"COMPASS=north", "COMPASS=north"},
		{"AWS_REGION=eu-west-1", "AWS_REGION=eu-west-1"},
		{"PODINFO_PORT=tcp://10.0.0.1:9898", "PODINFO_PORT=tcp://10.0.0.1:9898"},
		{"MAIL=someone@example.com", "MAIL=someone@example.com"},
		{"EMPTY=", "EMPTY="},
		{"NOEQUALS", "NOEQUALS"},
	}
	for _, tt := range tests {
		t.Run(tt.variable, func(t *testing.T) {
			t.Parallel()
			if got := env.List([]string{tt.variable}, false); !slices.Equal(got, []string{tt.want}) {
				t.Errorf("List shows %q, want %q", got, tt.want)
			}
			if got := env.List([]string{tt.variable}, true); !slices.Equal(got, []string{tt.variable}) {
				t.Errorf("List with secrets shows %q, want the variable as it is", got)
			}
		})
	}
}

func TestListKeepsOrderAndInput(t *testing.T) {
	t.Parallel()
	environ := []string{"Z=1", "A_TOKEN=2", "M=3", "A=4"}
	before := slices.Clone(environ)
	want := []string{"Z=1", "A_TOKEN=********", "M=3", "A=4"}
	if got := env.List(environ, false); !slices.Equal(got, want) {
		t.Errorf("List is %q, want the order of the process: %q", got, want)
	}
	if !slices.Equal(environ, before) {
		t.Errorf("List changed its input to %q", environ)
	}
	shown := env.List(environ, true)
	shown[0] = "changed"
	if environ[0] != "Z=1" {
		t.Error("List with secrets returned the caller's own slice, want a copy")
	}
}

// A nil slice would be null in JSON, where clients expect an array.
func TestListIsNeverNil(t *testing.T) {
	t.Parallel()
	for _, showSecrets := range []bool{false, true} {
		if env.List(nil, showSecrets) == nil {
			t.Errorf("List(nil, %v) is nil, want an empty list", showSecrets)
		}
	}
}

// FuzzList holds the promise of the package for secrets of any text: neither a secretly named variable nor the password
// of a URL shows it.
func FuzzList(f *testing.F) {
	f.Add("p4ss")
	f.Add("a:b@c/d?e#f")
	f.Add("=;&")
	f.Fuzz(func(t *testing.T, secret string) {
		// White space ends a URL, so a password cannot hold it; the marker makes sure that a find is the secret.
		secret = "marker" + strings.Join(strings.Fields(secret), "") + "marker"
		list := env.List([]string{"X_TOKEN=" + secret, "URL=redis://u:" + secret + "@h:1/0"}, false)
		for _, variable := range list {
			if strings.Contains(variable, "marker") {
				t.Errorf("List shows the secret %q in %q", secret, variable)
			}
		}
	})
}
