package conformance

// settings are where a server's settings come from, seen through what it answers.
func settings() []Group {
	const theme = "settings by flags, variables and files"
	return []Group{
		{Name: "defaults", Theme: theme, Fresh: true, Cases: []Case{
			it("has the established color, logo and greeting", get("/version").want(status(200), save("version", "version")),
				get("/api/info").want(status(200), fieldIs("color", "#34577c"), field("logo", "https?://.+|/.+"),
					fieldIs("message", "greetings from podinfo v${version}"))),
			it("is ready and healthy", get("/healthz").want(status(200), jsonIs(`{"status": "OK"}`)),
				get("/readyz").want(status(200), jsonIs(`{"status": "OK"}`))),
			it("injects no faults",
				get("/fault_injection/status").want(status(200), jsonIs(`{"fault_injection": "disabled"}`))),
			it("has no configuration to show", get("/configs").want(status(200), jsonIs(`{}`))),
			it("accepts the tokens of another instance", step(signed(establishedSecret, claims(nil))),
				get("/token/validate").with("Authorization", "Bearer ${jwt}").
					want(status(200), fieldIs("token_name", "conformance"))),
		}},
		{Name: "flags", Theme: theme,
			Settings: []string{"--ui-color=teal", "--ui-logo=/mine.svg", "--ui-message=hello <you>"},
			Cases: []Case{
				it("shows them", get("/api/info").want(status(200), fieldIs("color", "teal"),
					fieldIs("logo", "/mine.svg"), fieldIs("message", "hello <you>"))),
				it("colors echoes", post("/echo", "x").want(status(202), header("X-Color", "teal"))),
				it("puts them on the page", get("/").with("User-Agent", mozilla).
					want(status(200), shows("/mine.svg"), lacks("hello <you>"))),
				it("tells the same over gRPC", calling("info.InfoService/Info", `{}`).want(code(0),
					member("color", "teal"), member("logo", "/mine.svg"), member("message", "hello <you>"))).needs(GRPC),
			}},
		{Name: "precedence", Theme: theme, Prepare: writeFiles("config.yaml",
			"ui-message: file\nui-color: file\nui-logo: file\nunknown-key: ignored\n"), Needs: []Capability{Files, Flags},
			Settings: []string{
				"--config-path=${dir}", "--ui-message=flag",
				"PODINFO_UI_MESSAGE=variable", "PODINFO_UI_COLOR=variable",
			},
			Cases: []Case{
				it("takes a flag before a variable before the file", get("/api/info").want(status(200),
					fieldIs("message", "flag"), fieldIs("color", "variable"), fieldIs("logo", "file"))),
				it("shows its own file among the configs",
					get("/configs").want(status(200), jsonReply(), contains(`"config.yaml": "ui-message: file\n`))),
			}},
		{Name: "precedence without flags", Theme: theme, Needs: []Capability{Files},
			Prepare:  writeFiles("config.yaml", "ui-color: file\nui-logo: file\nunknown-key: ignored\n"),
			Settings: []string{"PODINFO_CONFIG_PATH=${dir}", "PODINFO_UI_COLOR=variable"}, Cases: []Case{
				it("takes a variable before the file", get("/api/info").want(status(200),
					fieldIs("color", "variable"), fieldIs("logo", "file"))),
			}},
		{Name: "JSON file", Theme: theme, Settings: []string{"--config-path=${dir}", "--config=config.json"},
			Prepare: writeFiles("config.json", `{"ui-message": "json"}`), Needs: []Capability{Files}, Cases: []Case{
				it("is read", get("/api/info").want(status(200), fieldIs("message", "json"))),
			}},
		{Name: "file with dots in its name", Theme: theme, Settings: []string{"--config-path=${dir}", "--config=my.app.toml"},
			Prepare: writeFiles("my.app.toml", `ui-message = "toml"`), Needs: []Capability{Files}, Cases: []Case{
				it("is read", get("/api/info").want(status(200), fieldIs("message", "toml"))).
					differs("cuts the name at its first dot"),
			}},
		{Name: "variables", Theme: theme, Settings: []string{
			// Kubernetes sets the first two for a Service called podinfo, so they must do no harm.
			"PODINFO_PORT=tcp://10.0.0.1:9898", "PODINFO_PORT_9898_TCP=tcp://10.0.0.1:9898",
			"PODINFO_HOSTNAME=elsewhere", "PODINFO_VERSION=0.0.0", "PODINFO_REVISION=none",
			"PODINFO_UNREADY=true", "PODINFO_UI_MESSAGE=hello from a variable",
		}, Cases: []Case{
			it("sets what flags set", get("/readyz").want(status(503), body("")),
				get("/api/info").want(status(200), fieldIs("message", "hello from a variable"))),
			it("leaves the identity alone", get("/api/info").want(status(200), field("hostname", `.+`),
				field("version", `[1-9]\d*\.\d+\.\d+\S*`), lacks(`"elsewhere"`, `"none"`))),
		}},
	}
}
