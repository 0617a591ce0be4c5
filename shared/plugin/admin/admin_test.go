package admin_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/plugin/admin"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	const token = "correct horse"
	open, closed, readOnly := admin.New(token, false), admin.New("", false), admin.New(token, true)
	for _, c := range []struct {
		name, authorization string
		gate                admin.Gate
		refused             string // part of the reason, or "" for whom the gate lets pass
	}{
		{"right", "Bearer correct horse", open, ""},
		{"any case of the scheme", "bEARER correct horse", open, ""},
		{"blanks around", "Bearer   correct horse ", open, ""},
		{"nothing", "", open, "Authorization: Bearer TOKEN"},
		{"wrong", "Bearer wrong horse!", open, "Authorization: Bearer TOKEN"},
		{"shorter", "Bearer correct hors", open, "Authorization: Bearer TOKEN"},
		{"longer", "Bearer correct horsee", open, "Authorization: Bearer TOKEN"},
		{"no scheme", "correct horse", open, "Authorization: Bearer TOKEN"},
		{"another scheme", "Basic correct horse", open, "Authorization: Bearer TOKEN"},
		{"no token in force", "Bearer ", closed, "--plugin-admin-token-file"},
		{"no token in force, nothing sent", "", closed, "--plugin-admin-token-file"},
		{"the zero gate", "Bearer ", admin.Gate{}, "--plugin-admin-token-file"},
		{"read-only", "Bearer correct horse", readOnly, "--read-only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := c.gate.Check(c.authorization)
			if c.refused == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if !errors.Is(err, admin.ErrForbidden) || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("the answer is %v, want an ErrForbidden with %q", err, c.refused)
			}
			if strings.Contains(err.Error(), token) {
				t.Errorf("the answer gives the token away: %v", err)
			}
		})
	}
}
