"""Checking a derivation anew, step by step."""

import numpy as np


def replay(estimand, graph, model):
    """Every step: the rule holds on the graph, both sides are equal in the model, the chain leads to the formula."""
    states = list(estimand.derivation.states())
    assert states[0] == estimand.effect
    assert states[-1] == estimand.expression
    for step, before, after in zip(estimand.derivation, states, states[1:]):
        assert after != before, f"{graph}: a step changes nothing"
        if step.check is None:
            assert step.law
        else:
            assert step.check.holds, f"{graph}: {step.check}"
            assert {step.before, step.after} == {step.check.before, step.check.after}
        for one, other in ((step.before, step.after), (before, after)):
            np.testing.assert_allclose(
                model.value(one, graph.nodes),
                model.value(other, graph.nodes),
                atol=1e-9,
                rtol=0,
                err_msg=f"{graph}: {one} = {other} by {step.reason}",
            )
