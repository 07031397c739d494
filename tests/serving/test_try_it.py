"""The page to try a model, in a browser: it sends what it is given, and draws the answer."""

import base64
import json
import re
from html.parser import HTMLParser

from browser import browser
from serving import house
from serving.process import Server
from slipway.serving.try_it import page


def test_the_page_names_nothing_from_elsewhere_and_its_policy_allows_nothing_else(server: Server) -> None:
    response = server.get("/try/ball")
    assert response.status_code == 200
    html, policy = page()
    assert response.text == html
    assert response.headers["content-security-policy"] == policy
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert not re.search(r"https?://|//[a-z]+\.[a-z]", html)
    found: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            found.extend(name for name, _ in attrs)  # type: ignore[attr-defined]

    Parser().feed(html)
    assert not {"src", "href", "style", "action"} & set(found)
    assert not [name for name in found if name.startswith("on")]


def test_rows_and_pictures_are_predicted_in_a_browser(server: Server) -> None:
    with browser() as tab:
        tab.open(f"{server.address}/try/ball", 800)
        tab.run("new Promise((done) => setInterval(() => byId('table').value && done(), 20))")
        assert json.loads(tab.run("byId('table').value")) == [{"team": "", "x": 0}]
        tab.run(f"byId('table').value = {json.dumps(json.dumps(house.ROWS[:1]))}")
        answered = "new Promise((done) => setInterval(() => byId('summary').textContent && done(), 20))"
        tab.run(f"byId('send').click(); {answered}")
        assert tab.run("byId('summary').textContent").startswith("ball v1.0.0 answered in ")
        expected = server.predict("ball", json=house.ROWS[:1])["predictions"][0]
        assert tab.run("document.querySelector('.result td.number').textContent") == f"{expected['ball']:.5g}"
        tab.run("byId('table').value = 'x\\tteam\\n0.5\\thome\\n-1\\taway'; byId('summary').textContent = ''")
        tab.run(f"byId('send').click(); {answered}")
        assert tab.run("document.querySelectorAll('.result').length") == 2
        tab.run("byId('table').value = '[{\"x\": 1}]'; byId('send').click()")
        tab.run("new Promise((done) => setInterval(() => !byId('problem').hidden && done(), 20))")
        assert "no column team" in tab.run("byId('problem').textContent")

        tab.open(f"{server.address}/try/shot", 800)
        picture = base64.b64encode(house.picture()).decode()
        tab.run(
            f"""(async () => {{
                const bytes = Uint8Array.from(atob("{picture}"), (one) => one.charCodeAt(0));
                const chosen = new DataTransfer();
                chosen.items.add(new File([bytes], "one.png", {{ type: "image/png" }}));
                byId("file").files = chosen.files;
                await attempt(predict);
            }})()"""
        )
        tab.run("new Promise((done) => setInterval(() => document.querySelector('canvas[data-drawn]') && done(), 20))")
        assert tab.run("document.querySelector('canvas').width") == 30
        assert tab.run("document.querySelectorAll('meter').length") == 3
        assert tab.overflow() == 0
        assert not [one for one in tab.errors if "422" not in one]
