package token_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/shared/token"
)

func TestAdmin(t *testing.T) {
	t.Parallel()
	const right = "correct-horse"
	for _, tt := range []struct {
		name, configured, header string
		want                     string // a part of the error; "" lets in
	}{
		{name: "right token", configured: right, header: "Bearer correct-horse"},
		{name: "scheme in any case", configured: right, header: "bEARER correct-horse"},
		{name: "several spaces", configured: right, header: "Bearer   correct-horse"},
		{name: "no header", configured: right, want: "send the token"},
		{name: "no token", configured: right, header: "Bearer", want: "send the token"},
		{name: "empty token", configured: right, header: "Bearer ", want: "send the token"},
		{name: "another scheme", configured: right, header: "Basic correct-horse", want: "send the token"},
		{name: "the token alone", configured: right, header: "correct-horse", want: "send the token"},
		{name: "wrong token", configured: right, header: "Bearer wrong-horse", want: "not theirs"},
		{name: "spaces alone", configured: right, header: "Bearer   ", want: "not theirs"},
		{name: "a part of it", configured: right, header: "Bearer correct-hors", want: "not theirs"},
		{name: "more than it", configured: right, header: "Bearer correct-horse,", want: "not theirs"},
		{name: "another case", configured: right, header: "Bearer Correct-horse", want: "not theirs"},
		{name: "none configured", header: "Bearer correct-horse", want: "start podinfo with"},
		{name: "none configured and none sent", header: "Bearer ", want: "start podinfo with"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := token.NewAdmin(tt.configured).Check(tt.header)
			if tt.want == "" {
				if err != nil {
					t.Errorf("%q is refused: %v", tt.header, err)
				}
				return
			}
			if !errors.Is(err, token.ErrForbidden) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%q gives %v, want an ErrForbidden with %q", tt.header, err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "horse") {
				t.Errorf("the error tells the token: %v", err)
			}
		})
	}
}

// Whoever logs what holds the token by mistake must not log the token.
func TestAdminDoesNotTellItsToken(t *testing.T) {
	t.Parallel()
	if text := fmt.Sprintf("%+v %#v", token.NewAdmin("correct-horse"), *token.NewAdmin("correct-horse")); strings.Contains(
		text, "horse") {
		t.Errorf("an Admin prints as %s", text)
	}
}
