package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestErrorsWithoutATextAreErrors: a handler that writes only a status answers with that status, in the API's form.
func TestErrorsWithoutATextAreErrors(t *testing.T) {
	answer := httptest.NewRecorder()
	inJSON(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })).ServeHTTP(answer, httptest.NewRequest("GET", "/ws", nil))
	if answer.Code != http.StatusTeapot || !strings.Contains(answer.Body.String(), `"error":"I'm a teapot"`) {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}
