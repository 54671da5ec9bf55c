"""What a client asks its servers for, without a server: a seed for every prompt, and the replies in order."""

from __future__ import annotations

from typing import Any

from emocal_rl.train.vllm_client import Client, Servers, seeds_of

SAMPLING = {"n": 2, "temperature": 0.7, "generation_kwargs": {"logit_bias": {"3": -100}}}
FEATURES = {"mm_hashes": {"image": ["abc"]}, "mm_placeholders": {"image": []}}


class Recorded(Client):
    """Writes down what it would send; answers the first token of the prompt twice."""

    def __init__(self, url: str = "one") -> None:
        self.base_url, self.timeout, self.seed, self.model, self.sent = url, 1.0, lambda: 5, "tiny", []  # type: ignore[var-annotated]

    def _post(self, url: str, **kwargs: Any) -> Any:
        body = kwargs["json"]
        self.sent.append(body)
        prompt = body["token_ids"] if "token_ids" in body else body["prompt"][0]
        word = {"token": f"token_id:{prompt[0]}", "logprob": -1.0, "top_logprobs": []}
        said = {"tokens": [word["token"]], "token_logprobs": [-1.0], "top_logprobs": [{}]}
        logprobs = {"content": [word]} if "token_ids" in body else said
        return {"choices": [{"token_ids": prompt[:1], "prompt_token_ids": prompt, "logprobs": logprobs}] * 2}


def seeds(client: Recorded) -> dict[int, list[int]]:
    """First token of a prompt -> the seeds it was sent with."""
    found: dict[int, list[int]] = {}
    for body in client.sent:
        found.setdefault(body["token_ids"][0], []).append(body["sampling_params"]["seed"])
    return {token: sorted(each) for token, each in found.items()}


def test_every_prompt_of_text_has_a_seed_of_its_own() -> None:
    client = Recorded()
    found = Servers([client]).generate([[7, 8], [9], [7, 8]], None, **SAMPLING)
    assert found["completion_ids"] == [[7], [7], [9], [9], [7], [7]]
    assert found["logprobs"] == [[[-1.0]]] * 6
    assert len({seed for each in seeds(client).values() for seed in each}) == 3
    assert {body["sampling_params"]["temperature"] for body in client.sent} == {0.7}
    assert all(body["sampling_params"]["logit_bias"] == {"3": -100} for body in client.sent)


def test_a_picture_that_comes_again_has_another_seed_whichever_server_it_goes_to() -> None:
    one, two, alone = Recorded("one"), Recorded("two"), Recorded()
    prompts, features = [[7, 8], [9], [7, 8]], [FEATURES, None, FEATURES]
    Servers([one, two]).generate(prompts, features, **SAMPLING)
    Servers([alone]).generate(prompts, features, **SAMPLING)
    assert [body["token_ids"] for body in two.sent] == [[7, 8]]
    assert sorted(seeds(one)[7] + seeds(two)[7]) == seeds(alone)[7]
    assert len(set(seeds(alone)[7])) == 2


def test_completions_of_text_take_the_seed_as_well() -> None:
    """TRL's other request, where it stands beside the prompt."""
    client = Recorded()
    client.generate([[7]], None, generation_kwargs={"seed": 11}, logprobs=0)
    assert client.sent[0]["seed"] == 11


def test_another_picture_is_another_seed() -> None:
    other = FEATURES | {"mm_hashes": {"image": ["abd"]}}
    assert len(set(seeds_of(5, [[7]] * 3, [FEATURES, other, None]))) == 3
