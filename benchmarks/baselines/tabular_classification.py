"""A plain baseline for the rows of a table: CatBoost as it is, on the raw columns.

Takes the table that a variant was made from, whose column `split` says which rows are the test, and learns from all
columns but the target and the group. Prints one JSON object.

    python benchmarks/baselines/tabular_classification.py TABLE TARGET GROUP SEED
"""

import json
import sys
import time

import pandas as pd
from catboost import CatBoostClassifier
from sklearn.metrics import average_precision_score

path, target, group, seed = sys.argv[1:]
began = time.perf_counter()
table = pd.read_csv(path)
features = table.drop(columns=[target, group, "split"])
texts = [str(name) for name in features if not pd.api.types.is_numeric_dtype(features[name])]
features[texts] = features[texts].fillna("missing")
learnt, test = table["split"] == "train", table["split"] == "test"
model = CatBoostClassifier(cat_features=texts, random_seed=int(seed), verbose=False, allow_writing_files=False)
model.fit(features[learnt], table.loc[learnt, target])
seconds = time.perf_counter() - began
found = model.predict_proba(features[test])[:, 1]
print(json.dumps({"average_precision": average_precision_score(table.loc[test, target], found), "seconds": seconds}))
